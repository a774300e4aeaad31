"""Diff: what an update would change, and whether it takes a new object.

The new inputs are compared with the live object as last seen, cut down to the former inputs, so that what the
cluster has filled in does not count while what somebody else has changed does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.plugins.kubernetes import kinds, merge_patch, property_path
from sandbox.plugins.kubernetes.awaiting_context import Kind, Object, ResourceLog
from sandbox.plugins.kubernetes.check import is_autonamed
from sandbox.plugins.kubernetes.cluster import Cluster
from sandbox.plugins.kubernetes.detailed_diff import Change, DetailedDiff
from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.kubernetes.normalize import normalize
from sandbox.plugins.kubernetes.objects import (
    annotations,
    drop,
    is_named,
    name_of,
    namespace_of,
    put,
    set_namespace,
)
from sandbox.plugins.kubernetes.prune import prune
from sandbox.plugins.kubernetes.replaces import IDENTITY, fields_that_replace
from sandbox.plugins.kubernetes.state import parse, to_object
from sandbox.plugins.kubernetes.urns import token_of
from sandbox.plugins.kubernetes.values import Properties

_REPLACE_UNREADY = "pulumi.com/replaceUnready"


@dataclass(frozen=True)
class Difference:
    """The changes by path, and the properties that make a new object necessary."""

    detailed: DetailedDiff
    replaces: Sequence[str]
    delete_before_replace: bool

    @property
    def any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.detailed.changes or self.replaces)


async def diff(
    cluster: Cluster, urn: str, state: Properties, news: Properties, ignored: Sequence[str], log: ResourceLog
) -> Difference:
    """The difference between the state and new inputs, without the `ignored` property paths."""
    old_inputs, live = parse(state)
    new = normalize(to_object(news))
    old = _comparable(cluster, live, normalize(old_inputs), new)
    settings = cluster.settings
    replacing: Sequence[str] = IDENTITY
    if not kinds.is_patch(token_of(urn), str(new.get("kind"))):
        replacing = fields_that_replace(
            new, mutable_config_maps=settings.mutable_config_maps, mutable_secrets=settings.mutable_secrets
        )
    found = DetailedDiff(replacing)
    found.add_map((), merge_patch.create(old, new), old, new)
    _ignore(found, ignored)
    replaces = sorted(
        property_path.render(path)
        for path, change in found.changes.items()
        if change.is_replace or (change is Change.DELETE and path == ("metadata",))
    )
    if annotations(new).get(_REPLACE_UNREADY) == "true" and await _unready(cluster, new, live, log):
        replaces.append(f'.metadata.annotations["{_REPLACE_UNREADY}"]')
    same_place = name_of(new) == name_of(live) and namespace_of(new) == namespace_of(live)
    in_the_way = is_named(new) and not is_autonamed(new) and same_place
    return Difference(found, replaces, bool(replaces) and in_the_way)


def _comparable(cluster: Cluster, live: Object, old_inputs: Object, new: Object) -> Object:
    """The live object as far as it was asked for. Namespaces that mean the same are made the same in both."""
    old = prune(live, old_inputs)
    kind = Kind.of(new)
    namespaced = cluster.discovery.is_namespaced(kind)
    for obj in (old, new):
        set_namespace(obj, (namespace_of(obj) or "default") if namespaced else "")
    if not old.get("apiVersion") and not old.get("kind"):
        old.update(apiVersion=kind.api_version, kind=kind.kind)
    drop(old, "metadata", "resourceVersion")
    if name_of(new):
        put(old, name_of(live), "metadata", "name")
    return old


def _ignore(found: DetailedDiff, ignored: Sequence[str]) -> None:
    """Leave out what `ignore_changes` names.

    As in the official plugin that works for keys that are plain words only; of others the engine has put the
    old value into the new inputs.
    """
    patterns = [property_path.parse(path) for path in ignored]
    for path in [*found.changes]:
        plain = property_path.render(path) == property_path.render_strictly(path)
        if plain and any(property_path.contains(pattern, path) for pattern in patterns):
            del found.changes[path]


async def _unready(cluster: Cluster, new: Object, live: Object, log: ResourceLog) -> bool:
    """Whether a Job has not succeeded; that it cannot be read is no reason to replace it."""
    if cluster.unreachable:
        await log.log("warning", "Cluster is unreachable, skipping replaceUnready check")
        return False
    if new.get("kind") != "Job":
        await log.log("warning", "replaceUnready annotation is not supported for this resource")
        return False
    try:
        job = await cluster.client.get(Kind.of(live), name_of(live), namespace_of(live))
    except ProviderError:
        return False
    conditions = {c["type"]: c["status"] for c in job.get("status", {}).get("conditions", ())}
    return conditions.get("Complete") != "True"


def rendered(found: DetailedDiff) -> dict[str, tuple[Change, bool]]:
    """The changes by the text of their path, each with whether it compares inputs only."""
    return {
        property_path.render(path): (change, path in found.input_diffs)
        for path, change in found.changes.items()
    }
