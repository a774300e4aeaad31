"""Consequences, their levels, and the situation that rules examine."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, total_ordering
from typing import Any, TypeVar

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as validated_dataclass

from slipway.cluster.capacity import Capacity
from slipway.databases.coverage import Finding
from slipway.preview.rules.differences import Difference, differences
from slipway.pulumi.changes import Change, Op
from slipway.pulumi.changes import get as get  # for the rules
from slipway.pulumi.changes import items as items
from slipway.pulumi.changes import mapping as mapping

Manifest = Mapping[str, Any]
T = TypeVar("T")
RELEASE = "kubernetes:helm.sh/v3:Release"
"""The type of a Helm release: one resource, whose objects the engine does not list."""


@total_ordering
class Level(Enum):
    """The attention that a consequence deserves. Levels are ordered; DANGEROUS is the highest."""

    SAFE = "safe"
    """Users notice nothing. Undoing the change undoes the consequence."""
    ATTENTION = "attention"
    """Users may notice it, or it depends on something that a preview cannot examine."""
    DANGEROUS = "dangerous"
    """Data is lost, requests fail, or access is opened."""

    def __lt__(self, other: "Level") -> bool:
        order = list(Level)
        return order.index(self) < order.index(other)

    def __str__(self) -> str:
        return self.value


def highest(levels: Iterable[Level]) -> Level:
    """Return the highest of some levels; SAFE if there are none."""
    return max(levels, default=Level.SAFE)


@validated_dataclass(
    frozen=True,
    config=ConfigDict(
        extra="forbid", use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    ),
)
class Consequence:
    """One effect of a change on the people who use the changed resources."""

    level: Level
    """The attention it deserves: dangerous means lost data, failed requests or opened access."""
    concern: str
    """pods, downtime, data, identity, exposure, privilege, configuration, secret, resources, capacity or
    image.
    """
    reason: str
    """One sentence."""
    urn: str = ""
    """The resource that causes it; empty when several do."""
    details: tuple[str, ...] = ()
    """Further lines, such as the commits in a new image."""


@dataclass(frozen=True)
class Object:
    """A Kubernetes object of the program, before or after the change."""

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
        """Its namespace; empty for a cluster-scoped object."""
        return str(get(self.manifest, "metadata", "namespace") or "")

    @property
    def key(self) -> tuple[str, str, str]:
        """Its kind, namespace and name."""
        return self.kind, self.namespace, self.name

    @property
    def labels(self) -> Mapping[str, Any]:
        """The object's own labels."""
        return mapping(get(self.manifest, "metadata", "labels"))

    def consequence(self, level: Level, concern: str, reason: str) -> Consequence:
        """Return a consequence of this object's change; its sentence begins with the object."""
        return Consequence(level, concern, f"{self} {reason}", self.change.urn)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Situation:
    """Everything that rules examine."""

    changes: tuple[Change, ...]
    """Resources that change, without components."""
    unchanged: tuple[Change, ...] = ()
    cluster: Capacity | None = None
    """None if the cluster was not asked, or did not answer."""
    commits: tuple[str, ...] = ()
    """Commits since the last update, one line each."""
    incomplete: tuple[Change, ...] = ()
    """Components whose objects the preview cannot list."""
    outputs: Change | None = None
    """The stack itself, with its outputs as properties; None if they stay."""
    peaks: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """The highest measured CPU and memory, in cores and bytes, by workload and container."""
    restores: tuple[Finding, ...] = ()
    """The restores of new databases that cannot succeed, or were not checked."""

    @cached_property
    def before(self) -> tuple[Object, ...]:
        """The Kubernetes objects before the change."""
        return tuple(
            Object(change, change.old) for change in (*self.changes, *self.unchanged) if is_object(change.old)
        )

    @cached_property
    def after(self) -> tuple[Object, ...]:
        """The Kubernetes objects after the change."""
        return tuple(
            Object(change, change.new) for change in (*self.changes, *self.unchanged) if is_object(change.new)
        )

    def once(self, key: str, compute: Callable[[], T]) -> T:
        """Return what `compute` returns, which is called once for each key."""
        if key not in self._computed:
            self._computed[key] = compute()
        result: T = self._computed[key]
        return result

    @cached_property
    def _computed(self) -> dict[str, Any]:
        return {}

    def differences(self, change: Change) -> tuple[Difference, ...]:
        """Return the differences of a change."""
        return self.once(f"differences {change.urn}", lambda: differences(change))

    def updates(self, *kinds: str) -> Iterator[tuple[Object, Object]]:
        """Yield the objects that change and stay, before and after; of all kinds by default."""
        for change in self.changes:
            if change.old and change.new and is_object(change.new) and (not kinds or change.kind in kinds):
                yield Object(change, change.old), Object(change, change.new)

    def created(self, *kinds: str) -> Iterator[Object]:
        """Yield the objects that are new; of all kinds by default."""
        for change in self.changes:
            new = change.op in (Op.CREATE, Op.IMPORT) and is_object(change.new)
            if new and (not kinds or change.kind in kinds):
                yield Object(change, change.new)

    def removed(self, *kinds: str) -> Iterator[Object]:
        """Yield the objects that are deleted and not replaced; of all kinds by default."""
        for change in self.changes:
            deleted = change.op is Op.DELETE and not change.retained and is_object(change.old)
            if deleted and (not kinds or change.kind in kinds):
                yield Object(change, change.old)

    def vanished(self, *kinds: str) -> Iterator[Object]:
        """Yield the objects that are deleted, or replaced under another name; of all kinds by default."""
        yield from self.removed(*kinds)
        for old, new in self.replaced(*kinds):
            if old.key != new.key and not old.change.retained:
                yield old

    def replaced(self, *kinds: str) -> Iterator[tuple[Object, Object]]:
        """Yield the objects that are replaced, before and after; of all kinds by default."""
        for old, new in self.updates(*kinds):
            if old.change.op is Op.REPLACE:
                yield old, new


def is_object(manifest: Manifest) -> bool:
    """Return whether these are the inputs of a Kubernetes object."""
    return "kind" in manifest and "apiVersion" in manifest


def count(number: int, noun: str) -> str:
    """Format a number of things: 1 pod, 2 pods."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
