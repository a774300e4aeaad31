"""What a change leads to, how bad that is, and why; and what the rules that say so look at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from slipway.pulumi.changes import Change, Hidden, Op

Manifest = Mapping[str, Any]
RELEASE = "kubernetes:helm.sh/v3:Release"
"""The type of a Helm release: one resource, whose objects the engine does not list."""


class Level(StrEnum):
    """How much attention a reviewer owes it."""

    SAFE = "safe"
    """Users notice nothing, and it can be undone by undoing the change."""
    ATTENTION = "attention"
    """May be noticed, or depends on something that is not seen from here."""
    DANGEROUS = "dangerous"
    """Data is lost, requests fail, or something is opened to whom it was closed."""

    @property
    def rank(self) -> int:
        """0, 1 or 2, to compare with."""
        return list(Level).index(self)


@dataclass(frozen=True)
class Consequence:
    """One thing that will happen."""

    level: Level
    concern: str
    """pods, downtime, data, identity, exposure, privilege, configuration, secret, resources, capacity or
    image.
    """
    reason: str
    """One sentence."""
    urn: str = ""
    """The resource that it comes from."""
    details: tuple[str, ...] = ()
    """Further lines, such as the commits of an image."""


@dataclass(frozen=True)
class Object:
    """A Kubernetes object of the program, as it is or as it will be."""

    change: Change
    manifest: Manifest

    @property
    def kind(self) -> str:
        """Its kind: Deployment."""
        return self.change.kind

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return str(get(self.manifest, "metadata", "name") or self.change.name)

    @property
    def namespace(self) -> str:
        """Its namespace; empty for objects that are in none."""
        return str(get(self.manifest, "metadata", "namespace") or "")

    @property
    def labels(self) -> Mapping[str, Any]:
        """Its own labels."""
        return mapping(get(self.manifest, "metadata", "labels"))

    @property
    def label(self) -> str:
        """Kind and name, as people write them: Deployment web."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Node:
    """What a node has left. CPU in cores, memory in bytes."""

    name: str
    cpu: float
    memory: float
    cpu_free: float
    memory_free: float


@dataclass(frozen=True)
class Quota:
    """What a namespace may still ask for, by the quota's own names: requests.cpu, pods."""

    name: str
    namespace: str
    left: Mapping[str, float]


@dataclass(frozen=True)
class Cluster:
    """What was seen of the cluster, apart from the stack."""

    nodes: tuple[Node, ...]
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True)
class Situation:
    """Everything that rules look at."""

    changes: tuple[Change, ...]
    """Resources that change; no components."""
    unchanged: tuple[Change, ...] = ()
    cluster: Cluster | None = None
    """None when it was not asked, or did not answer."""
    commits: tuple[str, ...] = ()
    """One line each: what is new since the last update."""
    incomplete: tuple[Change, ...] = ()
    """Components whose objects the preview cannot list."""

    @cached_property
    def before(self) -> tuple[Object, ...]:
        """The Kubernetes objects that there are."""
        return tuple(
            Object(change, change.old) for change in (*self.changes, *self.unchanged) if is_object(change.old)
        )

    @cached_property
    def after(self) -> tuple[Object, ...]:
        """The Kubernetes objects that there will be."""
        return tuple(
            Object(change, change.new) for change in (*self.changes, *self.unchanged) if is_object(change.new)
        )

    def updates(self, *kinds: str) -> Iterator[tuple[Object, Object]]:
        """Objects that stay but change, before and after; of all kinds when none is named."""
        for change in self.changes:
            if change.old and change.new and is_object(change.new) and (not kinds or change.kind in kinds):
                yield Object(change, change.old), Object(change, change.new)

    def created(self, *kinds: str) -> Iterator[Object]:
        """Objects that were not there."""
        for change in self.changes:
            created = change.op in (Op.CREATE, Op.IMPORT) and is_object(change.new)
            if created and (not kinds or change.kind in kinds):
                yield Object(change, change.new)

    def removed(self, *kinds: str) -> Iterator[Object]:
        """Objects that will be gone and not replaced."""
        for change in self.changes:
            gone = change.op is Op.DELETE and not change.retained and is_object(change.old)
            if gone and (not kinds or change.kind in kinds):
                yield Object(change, change.old)

    def replaced(self, *kinds: str) -> Iterator[tuple[Object, Object]]:
        """Objects that go and come again, before and after."""
        for old, new in self.updates(*kinds):
            if old.change.op is Op.REPLACE:
                yield old, new


def is_object(manifest: Manifest) -> bool:
    """Whether these are the inputs of a Kubernetes object."""
    return "kind" in manifest and "apiVersion" in manifest


def get(value: Any, *path: str | int) -> Any:
    """Return what is at a path, None where it ends early; a hidden value stands for all below it."""
    for key in path:
        if isinstance(value, Hidden):
            return value
        if isinstance(value, Mapping) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping, an empty one where there is none or it is hidden."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """Return a list, an empty one where there is none or it is hidden."""
    return value if isinstance(value, list) else []


def count(number: int, what: str) -> str:
    """Write a number of things: 1 pod, 2 pods."""
    return f"{number} {what}{'' if number == 1 else 's'}"
