"""Renamed resources: the object that the state has under the old name is given to the new name.

The program renamed a resource, or moved it, without an alias. The update cannot create the object under the
new name, because it exists (Kubernetes plugin from 4.29 on), or it has taken the object over and would delete
it under the old name (earlier plugins).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from slipway.preview.rules import Situation
from slipway.preview.rules.identities import claims
from slipway.pulumi.changes import Op
from slipway.pulumi.events import read
from slipway.pulumi.snapshot import StackSnapshot


def settle(side: StackSnapshot, tell: Callable[[str], None]) -> StackSnapshot:
    """Give each renamed resource its object, as an alias would, and return the stack as it is then.

    A preview shows what was renamed; when it fails nothing is changed. Nothing in the cluster is touched.

    Raises:
        SlipwayError: when the stack is locked, or pulumi finds the new state inconsistent.
    """
    run = side.stack.preview()
    if not run.succeeded:
        return side
    told = read(run.events)
    renames = {}
    for claim in claims(Situation(told.changes, told.unchanged)):
        old, new = claim.old.change, claim.new.change
        if old.op is Op.DELETE and new.op is not Op.IMPORT and old.type == new.type:
            renames[old.urn] = new.urn
            tell(f"{claim.new} belongs to {new.urn}, no longer to {old.urn}: the state will say so")
    if not renames:
        return side
    side.stack.set_state(renamed(side.stack.state(), renames))
    return side.reload()


def renamed(state: Mapping[str, Any], renames: Mapping[str, str]) -> dict[str, Any]:
    """Return a state with other URNs; a resource whose new URN another one has already is left out."""
    resources = state["deployment"].get("resources") or []
    taken = {one["urn"] for one in resources if not one.get("delete")}
    text = json.dumps([one for one in resources if renames.get(one["urn"]) not in taken])
    for old, new in renames.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    kept = json.loads(text)
    known: set[str] = set()
    for one in kept:
        _forget_later(one, known)
        known.add(one["urn"])
    return {**state, "deployment": {**state["deployment"], "resources": kept}}


def _forget_later(resource: dict[str, Any], known: set[str]) -> None:
    """Drop references to resources that come later in the state: pulumi refuses them, an update adds them."""
    for key in ("dependencies", "replaceWith"):
        if key in resource:
            resource[key] = [urn for urn in resource[key] if urn in known]
    for name, urns in (resource.get("propertyDependencies") or {}).items():
        resource["propertyDependencies"][name] = [urn for urn in urns or [] if urn in known]
    if resource.get("deletedWith") not in known:
        resource.pop("deletedWith", None)
