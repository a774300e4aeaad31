"""Renamed resources: the state moves an object from the old resource to the new resource.

The program renamed or moved a resource without an alias. With the Kubernetes plugin from 4.29 on, the update
cannot create the object under the new name, because the object exists. With earlier plugins, the update has
adopted the object and would delete it under the old name.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from slipway.cluster.objects import resources_in_state
from slipway.preview.rules import Situation
from slipway.preview.rules.double_ownership import claims
from slipway.pulumi.changes import Op
from slipway.pulumi.stack_snapshot import StackSnapshot


def repair_renames(snapshot: StackSnapshot, info: Callable[[str], None]) -> StackSnapshot:
    """Rename resources in the state as an alias would, and return the new snapshot.

    A preview finds the renamed resources; if it fails, nothing changes. The cluster is not changed.

    Raises:
        StackLocked: another operation holds the stack's lock.
        SlipwayError: pulumi finds the new state inconsistent.
    """
    run = snapshot.stack.preview()
    if not run.succeeded:
        return snapshot
    renames = {}
    for claim in claims(Situation(run.summary.changes, run.summary.unchanged)):
        old, new = claim.old.change, claim.new.change
        if old.op is Op.DELETE and new.op is not Op.IMPORT and old.type == new.type:
            renames[old.urn] = new.urn
            info(f"{claim.new} moves in the state from {old.urn} to {new.urn}")
    if not renames:
        return snapshot
    snapshot.stack.set_state(rename_resources(snapshot.stack.state(), renames))
    return snapshot.reload()


def rename_resources(state: Mapping[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Return a state with new URNs; drop a resource if another resource already has its new URN."""
    resources = resources_in_state(state)
    taken = {resource["urn"] for resource in resources if not resource.get("delete")}
    text = json.dumps([resource for resource in resources if renames.get(resource["urn"]) not in taken])
    for old, new in renames.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    renamed = json.loads(text)
    earlier: set[str] = set()
    for resource in renamed:
        _drop_later_references(resource, earlier)
        earlier.add(resource["urn"])
    return {**state, "deployment": {**state["deployment"], "resources": renamed}}


def _drop_later_references(resource: dict[str, Any], earlier: set[str]) -> None:
    """Drop references to later resources: pulumi refuses them, and the next update adds them again."""
    for key in ("dependencies", "replaceWith"):
        if key in resource:
            resource[key] = [urn for urn in resource[key] if urn in earlier]
    for name, urns in (resource.get("propertyDependencies") or {}).items():
        resource["propertyDependencies"][name] = [urn for urn in urns or [] if urn in earlier]
    if resource.get("deletedWith") not in earlier:
        resource.pop("deletedWith", None)
