"""The engine's events, turned into changes: what an update does to each resource.

A replacement arrives as three events; here it is one change. Secrets arrive masked, as the text [secret],
and values that only the update will tell as a fixed identifier; both become something that cannot be
mistaken for text of the user's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata, StepEventStateMetadata

_MASKED = "[secret]"
# https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin#UnknownStringValue and its kin
_UNKNOWN = {
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7": "bool",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421": "number",
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9": "string",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2": "array",
    "030794c1-ac77-496b-92df-f27374a8bd58": "asset",
    "e48ece36-62e2-4504-bad9-02848725956a": "archive",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff": "object",
}


class Op(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    IMPORT = "import"


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
class Told:
    """Everything that the events of one operation say."""

    changes: tuple[Change, ...] = ()
    """In the order in which the engine came to them; components among them."""
    drift: tuple[Change, ...] = ()
    """How resources were found to differ from the state, when it was refreshed; op `update` or `delete`."""
    unchanged: tuple[Change, ...] = ()
    """Resources that stay as they are; rules look at them for what stands beside a change."""
    diagnostics: tuple[Diagnostic, ...] = ()
    violations: tuple[Violation, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    """Resources by the engine's own operations: {"create": 2, "same": 19}."""


_OPS = {
    OpType.CREATE: Op.CREATE,
    OpType.UPDATE: Op.UPDATE,
    OpType.REPLACE: Op.REPLACE,
    OpType.DELETE: Op.DELETE,
    OpType.IMPORT: Op.IMPORT,
    OpType.CREATE_REPLACEMENT: Op.REPLACE,
    OpType.DELETE_REPLACED: Op.REPLACE,
    OpType.IMPORT_REPLACEMENT: Op.REPLACE,
}


def read(events: Iterable[EngineEvent]) -> Told:
    """Turn the events of one preview or update into what they say."""
    events = list(events)
    steps = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
    refreshed = [event.res_outputs_event.metadata for event in events if event.res_outputs_event]
    by_urn: dict[str, list[StepEventMetadata]] = {}
    for step in steps:
        if step.op in _OPS:
            by_urn.setdefault(step.urn, []).append(step)
    return Told(
        changes=tuple(_change(steps_of_one) for steps_of_one in by_urn.values()),
        drift=tuple(_drift(step) for step in refreshed if step.op is OpType.REFRESH and _has_drifted(step)),
        unchanged=tuple(_state(step) for step in steps if step.op is OpType.SAME),
        diagnostics=tuple(_diagnostics(events)),
        violations=tuple(_violations(events)),
        counts={
            str(getattr(op, "value", op)): count
            for event in events
            if event.summary_event
            for op, count in event.summary_event.resource_changes.items()
        },
    )


def _change(steps: Sequence[StepEventMetadata]) -> Change:
    ops = [step.op for step in steps]
    main = next((step for step in steps if step.op is OpType.REPLACE), steps[0])
    first_deleted = ops.index(OpType.DELETE_REPLACED) if OpType.DELETE_REPLACED in ops else len(ops)
    first_created = ops.index(OpType.CREATE_REPLACEMENT) if OpType.CREATE_REPLACEMENT in ops else len(ops)
    return _state(main, op=_OPS[main.op], deleted_first=first_deleted < first_created)


def _state(step: StepEventMetadata, op: Op = Op.UPDATE, deleted_first: bool = False) -> Change:
    one = step.new or step.old
    old, new = _inputs(step.old), _inputs(step.new)
    return Change(
        urn=step.urn,
        type=step.type,
        op=op,
        parent=one.parent if one else "",
        old=old,
        new=new,
        live=_clean((step.old.outputs if step.old else None) or {}),
        properties=tuple(_properties(step, old, new)),
        deleted_first=deleted_first,
        retained=bool(step.old and step.old.retain_on_delete),
        protected=bool(step.old and step.old.protect),
        custom=bool(one and one.custom),
    )


def _inputs(state: StepEventStateMetadata | None) -> dict[str, Any]:
    inputs: dict[str, Any] = _clean((state.inputs if state else None) or {})
    return inputs


def _clean(value: Any) -> Any:
    """Put SECRET and UNKNOWN where the engine has texts that stand for them."""
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, str):
        if value == _MASKED:
            return SECRET
        if value in _UNKNOWN:
            return UNKNOWN
    return value


def _properties(
    step: StepEventMetadata, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[PropertyChange]:
    live = _clean((step.old.outputs if step.old else None) or {})
    for path, diff in (step.detailed_diff or {}).items():
        kind, _, replaces = diff.diff_kind.value.partition("-")
        before = at(old, path)
        if before is None:
            before = at(live, path)
        yield PropertyChange(path, kind, before, at(new, path), bool(replaces))


def _has_drifted(step: StepEventMetadata) -> bool:
    if step.new is None:
        return True
    return bool(step.detailed_diff) or (step.old is not None and step.old.outputs != step.new.outputs)


def _drift(step: StepEventMetadata) -> Change:
    return _state(step, op=Op.UPDATE if step.new else Op.DELETE)


def _diagnostics(events: Iterable[EngineEvent]) -> Iterator[Diagnostic]:
    for event in events:
        told = event.diagnostic_event
        if told and not told.ephemeral and told.message.strip():
            severity = "info" if told.severity.startswith("info") else told.severity
            yield Diagnostic(severity, told.message.strip(), told.urn or "")


def _violations(events: Iterable[EngineEvent]) -> Iterator[Violation]:
    for event in events:
        told = event.policy_event
        if told:
            mandatory = told.enforcement_level == "mandatory"
            yield Violation(
                told.policy_name, told.policy_pack_name, mandatory, told.message, told.resource_urn or ""
            )


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
