"""Who owns which fields of a live object: the managedFields of server-side apply.

Their format: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sandbox.plugins.kubernetes import property_path
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import drop, pluck, put

CREATOR = "pulumi-kubernetes"
"""The manager that first creates an object; the first update hands its fields over."""

_PULUMI = (CREATOR, "pulumi-kubernetes.exe", "pulumi-resource-kubernetes")
_TAKEN_OVER = {"Apply": ("kubectl",), "Update": ("kubectl", "before-first-apply", *_PULUMI)}
"""What the names of managers begin with whose fields are taken over, by how they have set them."""


def entries(live: Object) -> list[dict[str, Any]]:
    """The managers, each with its fields."""
    found = pluck(live, "metadata", "managedFields")
    return found if isinstance(found, list) else []


def created_here(live: Object) -> bool:
    """Whether fields still belong to the manager of a create, by this plugin or an earlier version of it."""
    return any(
        entry.get("operation") == "Update" and entry.get("manager") in _PULUMI for entry in entries(live)
    )


def takeover(live: Object, manager: str) -> list[dict[str, Any]]:
    """The JSON patch that makes `manager` own what a create, or kubectl, has set; empty if there is nothing.

    Without it the API server keeps fields that later inputs leave out: their creator still wants them
    (`PatchReplaceFieldsManagers` of github.com/fluxcd/pkg/ssa).
    """
    kept: list[dict[str, Any]] = []
    own: dict[str, Any] | None = None
    taken: list[dict[str, Any]] = []
    for entry in entries(live):
        name, operation = str(entry.get("manager")), str(entry.get("operation"))
        if (name, operation) == (manager, "Apply"):
            own = copy.deepcopy(entry)
        elif name.startswith(_TAKEN_OVER.get(operation, ())) and not entry.get("subresource"):
            taken.append(copy.deepcopy(entry))
        else:
            kept.append(entry)
    if not taken:
        return []
    if own is None:
        own = taken.pop(0) | {"manager": manager, "operation": "Apply"}
    for entry in taken:
        _merge(own.setdefault("fieldsV1", {}), entry.get("fieldsV1") or {})
    return [{"op": "replace", "path": "/metadata/managedFields", "value": [*kept, own]}]


def keep_ignored(inputs: Object, live: Object, ignored: Sequence[str], manager: str) -> None:
    """Change the inputs so that applying them leaves the `ignored` property paths as they are in the cluster.

    What another manager alone owns is left out of the inputs; anything else gets its live value, because what
    an apply leaves out is removed.
    """
    ours, theirs = set[tuple[str, ...]](), set[tuple[str, ...]]()
    for entry in entries(live):
        (ours if entry.get("manager") == manager else theirs).update(_paths(entry.get("fieldsV1") or {}))
    for pattern in ignored:
        keys = property_path.render_strictly(property_path.parse(pattern)).split(".")
        path = tuple(f"f:{key}" for key in keys)
        value = pluck(live, *keys)
        if path in theirs and path not in ours:
            drop(inputs, *keys)
        elif value is not None:
            put(inputs, value, *keys)


def _paths(fields: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, below in fields.items():
        if key != ".":
            yield (*above, key)
            yield from _paths(below, (*above, key))


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    """The union of two sets of fields; one that is owned both itself and in parts is marked with a dot."""
    for key, below in other.items():
        if key not in into:
            into[key] = below
        elif bool(into[key]) != bool(below):
            into[key] = {".": {}, **into[key], **below}
        else:
            _merge(into[key], below)
