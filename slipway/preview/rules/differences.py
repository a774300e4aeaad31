"""Differences of an object by meaning: items of lists by their names, and a default like a missing value.

Paths into a pod template are the same for every kind of workload: `template.labels.app` for its metadata,
`pod.containers.web.image` for its spec.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from slipway.pulumi.changes import Change, Hidden
from slipway.pulumi.property_diff import is_noise, parse_path

Path = tuple[str, ...]

TEMPLATES: dict[str, Path] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "Pod": (),
}
"""The place of the pod template in each kind of workload."""

_KEYS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    **dict.fromkeys(
        ("containers", "initContainers", "env", "volumes", "imagePullSecrets", "listeners"),
        lambda item: item.get("name"),
    ),
    "volumeMounts": lambda item: item.get("mountPath"),
    "ports": lambda item: (
        f"{item.get('containerPort') or item.get('port')}/{item.get('protocol') or 'TCP'}"
        if item.get("containerPort") or item.get("port")
        else None
    ),
}
"""Lists whose items have a name, and that name. All other lists are compared as a whole."""

# https://kubernetes.io/docs/reference/kubernetes-api/
DEFAULTS: tuple[tuple[str, Any], ...] = (
    ("pod.restartPolicy", "Always"),
    ("pod.dnsPolicy", "ClusterFirst"),
    ("pod.schedulerName", "default-scheduler"),
    ("pod.terminationGracePeriodSeconds", 30),
    ("pod.hostNetwork", False),
    ("pod.hostPID", False),
    ("pod.hostIPC", False),
    ("pod.hostUsers", True),
    ("pod.*ontainers.*.terminationMessagePath", "/dev/termination-log"),
    ("pod.*ontainers.*.terminationMessagePolicy", "File"),
    ("pod.*ontainers.*.securityContext.privileged", False),
    ("pod.*ontainers.*.ports.*.protocol", "TCP"),
    ("pod.*ontainers.*.*Probe.timeoutSeconds", 1),
    ("pod.*ontainers.*.*Probe.periodSeconds", 10),
    ("pod.*ontainers.*.*Probe.successThreshold", 1),
    ("pod.*ontainers.*.*Probe.failureThreshold", 3),
    ("pod.*ontainers.*.*Probe.httpGet.scheme", "HTTP"),
    ("Service:spec.type", "ClusterIP"),
    ("Service:spec.ports.*.protocol", "TCP"),
    ("Service:spec.sessionAffinity", "None"),
    ("Service:spec.*TrafficPolicy", "Cluster"),
    ("Service:spec.publishNotReadyAddresses", False),
    ("Deployment:spec.revisionHistoryLimit", 10),
    ("Deployment:spec.progressDeadlineSeconds", 600),
    ("Deployment:spec.strategy.type", "RollingUpdate"),
    ("Deployment:spec.strategy.rollingUpdate.*", "25%"),
    ("Deployment:spec.paused", False),
    ("StatefulSet:spec.revisionHistoryLimit", 10),
    ("StatefulSet:spec.updateStrategy.type", "RollingUpdate"),
    ("StatefulSet:spec.persistentVolumeClaimRetentionPolicy.*", "Retain"),
    ("CronJob:spec.concurrencyPolicy", "Allow"),
    ("CronJob:spec.suspend", False),
    ("CronJob:spec.successfulJobsHistoryLimit", 3),
    ("CronJob:spec.failedJobsHistoryLimit", 1),
)
"""Values that the API server sets itself: a program that states them changes nothing."""

_EMPTY_IS_MISSING = {
    "labels", "annotations", "resources", "requests", "limits", "securityContext", "nodeSelector", "affinity",
    "strategy", "rollingUpdate", "data", "stringData", "binaryData", "metadata",
}  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """One property that differs. None stands for a missing value."""

    kind: str
    place: Path
    """Its keys in the object, with names in the place of indexes."""
    old: Any
    new: Any

    @property
    def path(self) -> Path:
        """The same, with `template` and `pod` for the parts of a pod template."""
        return short(self.kind, self.place)

    def matches(self, pattern: str) -> bool:
        """Return whether a pattern describes it: Service:spec.ports.*.name; `**` stands for any rest."""
        return matches(pattern, self.kind, self.path)

    def __str__(self) -> str:
        return ".".join(f"[{part}]" if "." in part or "/" in part else part for part in self.place)


def matches(pattern: str, kind: str, path: Path) -> bool:
    """Return whether a pattern describes a path in an object of a kind."""
    kinds, parts = _parsed(pattern)
    if kinds and kind not in kinds:
        return False
    if parts[-1] == "**":
        parts, path = parts[:-1], path[: len(parts) - 1]
    return len(parts) == len(path) and all(map(fnmatchcase, path, parts))


@cache
def _parsed(pattern: str) -> tuple[tuple[str, ...], Path]:
    kinds, _, path = pattern.rpartition(":")
    return tuple(filter(None, kinds.split(","))), tuple(path.split("."))


def short(kind: str, place: Path) -> Path:
    """Return a path in which `template` and `pod` stand for the parts of a pod template."""
    prefix = TEMPLATES.get(kind)
    if prefix is None or place[: len(prefix)] != prefix:
        return place
    rest = place[len(prefix) :]
    if rest[:1] == ("spec",):
        return ("pod", *rest[1:])
    if rest[:1] == ("metadata",) and prefix:
        return ("template", *rest[1:])
    return place


def differences(change: Change) -> tuple[Difference, ...]:
    """Return the differences of a changed object: of its inputs, and those that only the engine knows."""
    everything = [Difference(change.kind, *values) for values in _walk((), change.old, change.new)]
    inputs = [item.place for item in everything]
    found = [item for item in everything if not _is_maintained(item.place) and not _is_default(item)]
    for item in change.properties:
        place, known = _named(item.path, change)
        overlaps = any(known[: len(other)] == other or other[: len(known)] == known for other in inputs)
        # A list in another order is different for the engine, by index.
        ordered = known != place and not any(isinstance(value, Hidden) for value in (item.old, item.new))
        if place and not overlaps and not ordered and not is_noise(item.path):
            found.append(Difference(change.kind, place, item.old, item.new))
    return tuple(found)


def _walk(place: Path, old: Any, new: Any) -> Iterator[tuple[Path, Any, Any]]:
    old, new = _present(place, old), _present(place, new)
    if type(old) is type(new) and old == new:
        return
    if _branches(old, new):
        before, after = old or {}, new or {}
        for key in sorted({*before, *after}, key=str):
            yield from _walk((*place, str(key)), before.get(key), after.get(key))
    elif names := _names(place, old, new):
        for key in names[0] | names[1]:
            values = (names[0].get(key), names[1].get(key))
            whole = None in values
            yield from [((*place, key), *values)] if whole else _walk((*place, key), *values)
    elif not (isinstance(old, (int, float)) and isinstance(new, (int, float)) and old == new):
        yield place, old, new


def _present(place: Path, value: Any) -> Any:
    """Return None for an empty value that means the same as none."""
    empty = value == [] or (value == {} and place[-1:] and place[-1] in _EMPTY_IS_MISSING)
    return None if empty else value


def _branches(*values: Any) -> bool:
    mappings = [value for value in values if isinstance(value, Mapping) and value]
    return bool(mappings) and all(isinstance(value, Mapping) or value is None for value in values)


def _names(place: Path, *lists: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the items of two lists by their names; None if the lists have no distinct names."""
    key = _KEYS.get(place[-1]) if place else None
    found: list[dict[str, Any]] = []
    for items in lists:
        items = [] if items is None else items
        if key is None or not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            return None
        named = {str(key(item)): item for item in items if key(item) is not None}
        if len(named) != len(items):
            return None
        found.append(named)
    return None if _order_matters(place, *found) else (found[0], found[1])


def _order_matters(place: Path, old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether items are in another order that has a meaning: variables may refer to earlier ones."""
    same_order = [key for key in old if key in new] == [key for key in new if key in old]
    refers = any("$(" in str(item.get("value")) for item in new.values())
    return not same_order and (place[-1] == "initContainers" or (place[-1] == "env" and refers))


def _is_maintained(place: Path) -> bool:
    """Return whether Kubernetes or Pulumi sets a property, never the program."""
    return place[0] == "status" or place[0].startswith("__")


def default_of(item: Difference) -> Any:
    """Return the value that the API server sets for a missing property; None if it is not in DEFAULTS."""
    return next((default for pattern, default in DEFAULTS if item.matches(pattern)), None)


def _is_default(item: Difference) -> bool:
    """Return whether a default becomes explicit, or a missing value in its place."""
    if None not in (item.old, item.new):
        return False
    value, default = item.new if item.old is None else item.old, default_of(item)
    return default is not None and type(default) is type(value) and bool(value == default)


def _named(path: str, change: Change) -> tuple[Path, Path]:
    """Return the place of a property path, with names instead of indexes, and the part before the first name.

    The engine compares lists by index, so its name of an item may be wrong.
    """
    place: list[str] = []
    known = 0
    values: list[Any] = [change.new, change.old]
    for part in parse_path(path):
        name = str(part)
        if isinstance(part, int):
            known = known or len(place)
            found = [value[part] for value in values if isinstance(value, list) and part < len(value)]
            key = _KEYS.get(place[-1]) if place else None
            if key and found and isinstance(found[0], Mapping) and key(found[0]) is not None:
                name = str(key(found[0]))
            values = found
        else:
            values = [value.get(part) for value in values if isinstance(value, Mapping)]
        place.append(name)
    return tuple(place), tuple(place[:known] or place)
