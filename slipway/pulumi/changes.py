"""What an update does to each resource, and what else the engine tells of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Op(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    IMPORT = "import"
    SAME = "same"
    """Nothing; only among what is unchanged."""


class Hidden:
    """A value that is not shown: a secret, or one that is known only once it has been applied."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__


SECRET = Hidden("[secret]")
UNKNOWN = Hidden("(known after apply)")


@dataclass(frozen=True)
class PropertyChange:
    """One property that differs. `path` is Pulumi's: spec.template.spec.containers[0].image."""

    path: str
    kind: str
    """add, update or delete."""
    old: Any
    new: Any
    replaces: bool
    """Whether it is a reason for the resource to be replaced."""


@dataclass(frozen=True)
class Change:
    """What happens to one resource. Values of secrets are SECRET, those not yet known UNKNOWN."""

    urn: str
    type: str
    """kubernetes:apps/v1:Deployment"""
    op: Op
    parent: str
    old: Mapping[str, Any] = field(repr=False)
    """Inputs as they were; empty when it is created."""
    new: Mapping[str, Any] = field(repr=False)
    """Inputs as they will be; empty when it is deleted."""
    live: Mapping[str, Any] = field(repr=False)
    """What the provider last saw of it, among it what nobody asked for."""
    properties: tuple[PropertyChange, ...] = ()
    deleted_first: bool = False
    """A replacement whose old resource goes before the new one comes."""
    retained: bool = False
    """The program lets go of it, but it stays where it is."""
    protected: bool = False
    provider: str = ""
    """Reference of the provider: its URN and id; empty for components."""
    custom: bool = True
    """Whether there is something behind it: a component, of which this is False, only groups others."""

    @property
    def name(self) -> str:
        """Its name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def kind(self) -> str:
        """The last part of its type: Deployment."""
        return self.type.rpartition(":")[2]

    @property
    def deletes(self) -> bool:
        """Whether something that is there now will be gone, replaced or not."""
        return self.op in (Op.DELETE, Op.REPLACE) and not self.retained


@dataclass(frozen=True)
class Diagnostic:
    """Something that the program, a provider or the engine had to say."""

    severity: str
    """info, warning or error."""
    message: str
    urn: str = ""


@dataclass(frozen=True)
class Violation:
    """A policy that a resource does not meet."""

    policy: str
    pack: str
    mandatory: bool
    message: str
    urn: str = ""


@dataclass(frozen=True)
class EventSummary:
    """Everything that the events of one operation say."""

    changes: tuple[Change, ...] = ()
    """In the order in which the engine came to them; components among them."""
    drift: tuple[Change, ...] = ()
    """How resources were found to differ from the state, when it was refreshed; op `update` or `delete`."""
    unchanged: tuple[Change, ...] = ()
    """Resources that stay as they are; rules look at them for what stands beside a change."""
    incomplete: tuple[Change, ...] = ()
    """Components whose objects a preview cannot list: an input of theirs is known only after the update."""
    diagnostics: tuple[Diagnostic, ...] = ()
    violations: tuple[Violation, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Resources by the engine's own operations: {"create": 2, "same": 19}."""


def at(value: Any, path: str) -> Any:
    """Return what stands at one of Pulumi's property paths, or None: a.b[0]["c.d/e"]."""
    for key in keys(path):
        if isinstance(key, int) and isinstance(value, list):
            value = value[key] if key < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, Hidden):
            return value
        else:
            return None
    return value


def keys(path: str) -> Iterator[str | int]:
    """Take a property path apart. https://www.pulumi.com/docs/iac/concepts/resources/options/ignorechanges/."""
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
