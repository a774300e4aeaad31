"""Property paths, the differences between the properties of a resource, and their values as text.

The engine's detailed diff says what `up` changes. Two kinds of diff need more: a replacement that is caused
by another replacement has no detailed diff, and the diff of a refresh omits fields that the program does not
set, such as a variable that was added by hand.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from slipway.cluster.objects import CONTROLLERS_ANNOTATION
from slipway.masking import MASK, is_secret_name, masked, masked_argument
from slipway.pulumi.changes import Change, Hidden, PropertyChange, get

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ITEM = re.compile(r"(?P<items>.*)\[(?P<index>\d+)\]")
# Fields that Kubernetes, its controllers and Pulumi maintain, and hashes of other properties.
_NOISE = re.compile(
    r"""
    __ | status\b | metadata\.(managedFields|resourceVersion|generation|uid|creationTimestamp|selfLink)\b
    | metadata\.annotations\["(
        pulumi\.com/ | kubectl\.kubernetes\.io/last-applied | deployment\.kubernetes\.io/revision
        | deprecated\.daemonset\.template\.generation | pv\.kubernetes\.io/ | volume(\.beta)?\.kubernetes\.io/
        | autoscaling\.alpha\.kubernetes\.io/
      )
    | spec\.(volumeName|nodeName)$
    | contextHash$ | context\.location$ | dockerfile(\.location)?$ | secrets\b
    """,
    re.VERBOSE,
)


_TEMPLATE = r"spec\.(jobTemplate\.spec\.)?template\.metadata\."
# Annotations do not select pods, but two kinds weaken their confinement. Labels select pods, so only the
# labels of injectors count.
_CONTROLLERS = re.compile(
    rf"""
    {_TEMPLATE}creationTimestamp
    | ({_TEMPLATE}|metadata\.)annotations(\.(?!\w*(apparmor|seccomp))|\["(?![^"]*(apparmor|seccomp))|$)
    | {_TEMPLATE}labels\["([^"/]*\.)?(istio\.io|linkerd\.io|cattle\.io|openshift\.io)/
    """,
    re.VERBOSE,
)
_SET_BY_ANNOTATIONS = re.compile(
    r"Service|Ingress|Gateway|(HTTP|GRPC|TLS|TCP|UDP)?Route|Namespace|StorageClass"
)
"""The kinds whose annotations decide who reaches the pods, so that one that was set by hand is drift."""


def is_controllers_field(kind: str, path: str) -> bool:
    """Return whether a controller, an injector or `kubectl rollout restart` may set a field of an object."""
    if path.startswith("metadata.annotations") and _SET_BY_ANNOTATIONS.fullmatch(kind):
        *_, key = parse_path(path)
        return bool(CONTROLLERS_ANNOTATION.match(str(key)))
    return bool(_CONTROLLERS.match(path))


def is_noise(path: str) -> bool:
    """Return whether a reviewer can ignore a property."""
    return bool(_NOISE.match(path))


def parse_path(path: str) -> Iterator[str | int]:
    """Yield the keys of a property path: a.b[0]["c.d/e"].

    https://www.pulumi.com/docs/iac/concepts/resources/options/ignorechanges/
    """
    rest = path
    while rest:
        if rest.startswith('["'):
            key, _, rest = rest[2:].partition('"]')
            yield key.replace('\\"', '"')
        elif rest.startswith("["):
            index, _, rest = rest[1:].partition("]")
            yield int(index) if index.isdigit() else index
        else:
            rest = rest.removeprefix(".")
            end = min((rest.index(mark) for mark in ".[" if mark in rest), default=len(rest))
            yield rest[:end]
            rest = rest[end:]


def value_at(value: Any, path: str) -> Any:
    """Return the value at a property path, or None."""
    return get(value, *parse_path(path))


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the paths at which two values differ, with both values; None stands for a missing value.

    An item that a list gains or loses is one difference; any other mapping is one difference for each key.
    """
    if _are_mappings(old, new) or (_are_mappings(old or {}, new or {}) and not path.endswith("]")):
        before, after = old or {}, new or {}
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), _join(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (items[index] if index < len(items) else None for items in (old, new))
            yield from differences(before, after, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def _are_mappings(*values: Any) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _join(path: str, key: str) -> str:
    """Return the path of a key as Pulumi writes it: spec.replicas, metadata.labels["a/b"]."""
    if not _PLAIN.fullmatch(key):
        quoted = key.replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{key}" if path else key


def printed(change: Change, item: PropertyChange) -> tuple[str | None, str | None]:
    """Return the old and the new value of a property as text, with masked secrets; None if it is missing."""
    content = change.type == "kubernetes:core/v1:Secret" and item.path.startswith(("data", "stringData"))
    secret = _is_secret(change, item.path)
    old, new = (
        None
        if value is None
        else MASK
        if content or (secret and isinstance(value, str))
        else _text(_masked_argument(change, item.path, value))
        for value in (item.old, item.new)
    )
    return old, new


def _is_secret(change: Change, path: str) -> bool:
    """Return whether a property's own name, or the name next to its value, looks like that of a secret."""
    if is_secret_name(path):
        return True
    owner = path.removesuffix(".value")
    if owner == path:
        return False
    names = [value_at(state, f"{owner}.name") for state in (change.old, change.new, change.live)]
    # A refresh has the names that the cluster has now only as differences.
    names += [
        name for item in change.properties if item.path == f"{owner}.name" for name in (item.old, item.new)
    ]
    return any(map(is_secret_name, names))


def _masked_argument(change: Change, path: str, value: Any) -> Any:
    """Mask a value that is an item of a list, if an option of a command is before it."""
    if (item := _ITEM.fullmatch(path)) and isinstance(value, str) and int(item["index"]):
        before = f"{item['items']}[{int(item['index']) - 1}]"
        for state in (change.old, change.new, change.live):
            value = masked_argument(str(value_at(state, before)), value)
    return value


def _text(value: Any) -> str:
    """Format a value: text and hidden values as they are, other values as JSON."""
    if isinstance(value, Hidden):
        return str(value)
    value = masked(value)
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
