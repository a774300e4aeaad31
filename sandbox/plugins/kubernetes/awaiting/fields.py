"""Reading what the await logic looks at in objects as the API server sends them."""

from collections.abc import Iterable

from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import name_of, namespace_of, pluck


def count(obj: Object, *path: str, default: int = 0) -> int:
    """The integer at a path, or `default`: controllers leave out the counts that are zero."""
    value = pluck(obj, *path)
    return value if isinstance(value, int) else default


def items(obj: Object, *path: str) -> list[Object]:
    """The mappings of the list at a path; empty where there is none."""
    value = pluck(obj, *path)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def conditions(obj: Object) -> dict[str, Object]:
    """The entries of `.status.conditions` by their type."""
    return {str(condition.get("type")): condition for condition in items(obj, "status", "conditions")}


def is_true(condition: Object | None) -> bool:
    """Whether a condition exists and its status is True."""
    return condition is not None and condition.get("status") == "True"


def explained(condition: Object) -> str:
    """A condition's or an event's reason and message, as `[Reason] message`."""
    return f"[{condition.get('reason', '')}] {str(condition.get('message', '')).rstrip()}"


def uid_of(obj: Object) -> str:
    """What tells an object from an earlier one of the same name."""
    return str(pluck(obj, "metadata", "uid") or "")


def generation_of(obj: Object) -> int:
    """The number of the object's desired state; 0 for kinds that have none."""
    return count(obj, "metadata", "generation")


def observed(obj: Object) -> bool:
    """Whether the controller has seen the object's present generation, so that its status can be trusted."""
    seen = pluck(obj, "status", "observedGeneration")
    return isinstance(seen, int) and seen >= generation_of(obj)


def owned_by(owner: Object | None, objects: Iterable[Object]) -> list[Object]:
    """Those objects that name `owner` in their ownerReferences (not the owner's owner)."""
    if owner is None:
        return []
    uid = uid_of(owner)
    return [
        obj
        for obj in objects
        if any(ref.get("uid") == uid for ref in items(obj, "metadata", "ownerReferences"))
    ]


def qualified_name(obj: Object) -> str:
    """`namespace/name`, or the name alone in the namespace `default` and for cluster-scoped kinds."""
    namespace = namespace_of(obj)
    return name_of(obj) if namespace in ("", "default") else f"{namespace}/{name_of(obj)}"
