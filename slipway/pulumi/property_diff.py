"""How two values of a resource differ, and which differences say nothing.

The engine's detailed diff is the truth about what `up` does; but a replacement that follows from another's
has none, and a refresh's leaves out all that the program did not ask for, such as a variable added by hand.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# What Kubernetes, its controllers and Pulumi keep for themselves, and hashes that say only that something
# else has changed.
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


def is_noise(path: str) -> bool:
    """Whether a property says nothing that a reviewer can judge."""
    return bool(_NOISE.match(path))


def differences(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Return the paths at which two values differ, with what stands there; None for nothing.

    A list's item that comes or goes is one difference; any other mapping is one for each of its keys.
    """
    if _are_mappings(old, new) or (_are_mappings(old or {}, new or {}) and not path.endswith("]")):
        before, after = old or {}, new or {}
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), _below(path, key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (side[index] if index < len(side) else None for side in (old, new))
            yield from differences(before, after, f"{path}[{index}]")
    elif old != new:
        yield path, old, new


def _are_mappings(*values: Any) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _below(path: str, key: str) -> str:
    """Write a path as Pulumi does: spec.replicas, metadata.labels["a/b"]."""
    if not _PLAIN.fullmatch(key):
        quoted = key.replace('"', '\\"')
        return f'{path}["{quoted}"]'
    return f"{path}.{key}" if path else key
