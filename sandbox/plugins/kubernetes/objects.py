"""Reading and writing Kubernetes objects that may hold unknowns in the place of any of their parts.

Like `unstructured` of k8s.io/apimachinery, a field of another type than expected counts as missing.
"""

import copy
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.values import Unknown, is_map


def pluck(obj: Any, *path: str) -> Any:
    """The value at a path of keys, None where there is none."""
    for key in path:
        obj = obj.get(key) if is_map(obj) else None
    return obj


def text(obj: Any, *path: str) -> str:
    """The string at a path, empty where there is none."""
    value = pluck(obj, *path)
    return value if isinstance(value, str) else ""


def put(obj: Object, value: Any, *path: str) -> bool:
    """Set the value at a path, making maps on the way; False where a part of the path is no map."""
    for key in path[:-1]:
        obj = obj.setdefault(key, {})
        if not is_map(obj):
            return False
    obj[path[-1]] = copy.deepcopy(value)
    return True


def drop(obj: Any, *path: str) -> None:
    """Remove the value at a path, if there is one."""
    parent = pluck(obj, *path[:-1])
    if is_map(parent):
        parent.pop(path[-1], None)


def name_of(obj: Any) -> str:
    """The object's name, empty if it is unknown."""
    return text(obj, "metadata", "name")


def namespace_of(obj: Any) -> str:
    """The object's namespace, empty if it is unknown."""
    return text(obj, "metadata", "namespace")


def set_namespace(obj: Object, namespace: str) -> None:
    """Set the namespace, or remove it if it is empty."""
    if namespace:
        put(obj, namespace, "metadata", "namespace")
    else:
        drop(obj, "metadata", "namespace")


def annotations(obj: Any) -> Mapping[str, str]:
    """The annotations; none at all if one of them is no string, an unknown for instance."""
    found = pluck(obj, "metadata", "annotations")
    if is_map(found) and all(isinstance(value, str) for value in found.values()):
        return found
    return {}


def annotate(obj: Object, key: str, value: str) -> None:
    """Set an annotation, unless the metadata or its annotations are unknown."""
    _set_in_metadata(obj, "annotations", key, value)


def label(obj: Object, key: str, value: str) -> None:
    """Set a label, unless the metadata or its labels are unknown."""
    _set_in_metadata(obj, "labels", key, value)


def _set_in_metadata(obj: Object, field: str, key: str, value: str) -> None:
    metadata = obj.setdefault("metadata", {})
    entries = metadata.setdefault(field, {}) if is_map(metadata) else None
    if is_map(entries):
        entries[key] = value


def is_named(obj: Any) -> bool:
    """Whether the object has a name, be it unknown."""
    return bool(name_of(obj)) or isinstance(pluck(obj, "metadata", "name"), Unknown)


def object_id(obj: Any) -> str:
    """`namespace/name`, or the name alone if there is no namespace: the resource's id."""
    namespace = namespace_of(obj)
    return f"{namespace}/{name_of(obj)}" if namespace else name_of(obj)


def split_id(identifier: str) -> tuple[str, str]:
    """The namespace and the name of a resource's id."""
    parts = identifier.split("/")
    return ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
