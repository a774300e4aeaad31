"""The changes, diagnostics and violations that the engine reports for an operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as validated_dataclass


class Op(StrEnum):
    """The operation on a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    IMPORT = "import"
    SAME = "same"
    """No change; only in EventSummary.unchanged."""


class Hidden:
    """A value that is not shown: a secret, or a value that is unknown until the update."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__


SECRET = Hidden("[secret]")
UNKNOWN = Hidden("(known after apply)")


@dataclass(frozen=True)
class PropertyChange:
    """A property that differs."""

    path: str
    """The property path as Pulumi writes it: spec.template.spec.containers[0].image."""
    kind: str
    """add, update or delete."""
    old: Any
    new: Any
    replaces: bool
    """The difference makes the engine replace the resource."""


@dataclass(frozen=True)
class Change:
    """The change of a resource. Secret values are SECRET, unknown values UNKNOWN."""

    urn: str
    type: str
    """kubernetes:apps/v1:Deployment"""
    op: Op
    parent: str
    old: Mapping[str, Any] = field(repr=False)
    """The inputs before; empty for a new resource."""
    new: Mapping[str, Any] = field(repr=False)
    """The inputs after; empty for a deleted resource."""
    live: Mapping[str, Any] = field(repr=False)
    """The outputs in the state, with fields that the program does not set."""
    properties: tuple[PropertyChange, ...] = ()
    deleted_first: bool = False
    """A replacement deletes the old resource before it creates the new resource."""
    retained: bool = False
    """The resource leaves the state, but its object stays in the cluster."""
    safeguards_lost: tuple[str, ...] = ()
    """protect and retainOnDelete, if the program sets them no longer."""
    provider: str = ""
    """The provider's URN and id; empty for components."""
    custom: bool = True
    """False for a component, which only groups other resources."""

    @property
    def name(self) -> str:
        """The name of the resource in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def kind(self) -> str:
        """The last part of the type: Deployment."""
        return self.type.rpartition(":")[2]

    @property
    def deletes(self) -> bool:
        """The change deletes an object that exists now, whether or not it replaces the object."""
        return self.op in (Op.DELETE, Op.REPLACE) and not self.retained


@dataclass(frozen=True)
class Diagnostic:
    """A message from the program, a provider or the engine."""

    severity: str
    """info, warning or error."""
    message: str
    urn: str = ""


@validated_dataclass(frozen=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True))
class Violation:
    """A violation of a policy."""

    policy: str
    """The policy's name in the pack."""
    mandatory: bool
    """Whether it stops the update."""
    message: str
    """The problem, and its solution."""
    urn: str
    """The resource; empty for a policy about the whole stack."""


@dataclass(frozen=True)
class EventSummary:
    """The content of the events of an operation."""

    changes: tuple[Change, ...] = ()
    """The changed resources and components, in the engine's order."""
    drift: tuple[Change, ...] = ()
    """The differences that a refresh found between the cluster and the state; op `update` or `delete`."""
    unchanged: tuple[Change, ...] = ()
    """The resources that stay as they are; rules read them as the context of a change."""
    incomplete: tuple[Change, ...] = ()
    """Components whose objects a preview cannot list, because an input is unknown until the update."""
    outputs: Change | None = None
    """The stack itself, with the outputs that change as properties; None if all of them stay."""
    diagnostics: tuple[Diagnostic, ...] = ()
    violations: tuple[Violation, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """The number of resources for each of the engine's own operations: {"create": 2, "same": 19}."""


def get(value: Any, *path: str | int) -> Any:
    """Return the value at a path, or None if the path ends early; a hidden value hides all below it."""
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
    """Return a mapping as it is, and an empty mapping for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """Return a list as it is, and an empty list for anything else."""
    return value if isinstance(value, list) else []
