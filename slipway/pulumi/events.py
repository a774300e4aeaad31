"""The engine's events, turned into changes: what an update does to each resource.

A replacement arrives as three events; here it is one change. The engine masks secrets, and has a fixed
identifier for what only the update will tell; both become something that cannot be mistaken for text of the
user's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata, StepEventStateMetadata

from slipway.pulumi.changes import (
    SECRET,
    UNKNOWN,
    Change,
    Diagnostic,
    EventSummary,
    Op,
    PropertyChange,
    Violation,
    at,
)
from slipway.pulumi.property_diff import differences, is_noise

_MASKED = "[secret]"
_PREVIEW_IS_INCOMPLETE = "nput properties have unknown values. Preview is incomplete."
# https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/resource#SigKey: any structure with this key is
# a special one, and a secret with this value; its content the engine has masked.
_SIGNATURE, _IS_SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
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


def read(events: Iterable[EngineEvent]) -> EventSummary:
    """Turn the events of one preview or update into what they say."""
    events = list(events)
    steps = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
    by_urn: dict[str, list[StepEventMetadata]] = {}
    for step in steps:
        if step.op in _OPS:
            by_urn.setdefault(step.urn, []).append(step)
    changes = tuple(_change(steps_of_one) for steps_of_one in by_urn.values())
    unchanged = tuple(_state(step, Op.SAME) for step in steps if step.op is OpType.SAME)
    diagnostics = tuple(_diagnostics(events))
    incomplete = tuple(_incomplete((*changes, *unchanged), diagnostics))
    return EventSummary(
        changes=_without_children(changes, incomplete),
        drift=tuple(_drifts(_refreshed(events))),
        unchanged=unchanged,
        incomplete=incomplete,
        diagnostics=diagnostics,
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


def _state(step: StepEventMetadata, op: Op, deleted_first: bool = False) -> Change:
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
        provider=one.provider if one else "",
        custom=bool(one and one.custom),
    )


def _inputs(state: StepEventStateMetadata | None) -> dict[str, Any]:
    inputs: dict[str, Any] = _clean((state.inputs if state else None) or {})
    return inputs


def _clean(value: Any) -> Any:
    """Put SECRET and UNKNOWN where the engine has texts that stand for them."""
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _IS_SECRET:
            return SECRET
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
    if not step.detailed_diff and old and new and step.op is not OpType.SAME:
        yield from (_difference(*one) for one in differences(old, new))
    live = _clean((step.old.outputs if step.old else None) or {})
    for path, diff in (step.detailed_diff or {}).items():
        kind, _, replaces = diff.diff_kind.value.partition("-")
        before = at(old, path)
        if before is None:
            before = at(live, path)
        yield PropertyChange(path, kind, before, at(new, path), bool(replaces))


def _refreshed(events: Iterable[EngineEvent]) -> Iterator[StepEventMetadata]:
    """What was found of each resource: the first outputs that follow the start of its refresh.

    `pulumi refresh` names them by what they differ in, `--refresh` before an update by `refresh`.
    """
    waiting: set[str] = set()
    for event in events:
        begun = event.resource_pre_event and event.resource_pre_event.metadata
        ended = event.res_outputs_event and event.res_outputs_event.metadata
        if begun and begun.op is OpType.REFRESH:
            waiting.add(begun.urn)
        elif ended and ended.urn in waiting:
            waiting.discard(ended.urn)
            yield ended


def _drifts(steps: Iterable[StepEventMetadata]) -> Iterator[Change]:
    for step in steps:
        custom = step.old is not None and step.old.custom and not step.type.startswith("pulumi:")
        if not custom:
            continue
        if step.new is None:
            yield _state(step, Op.DELETE)
        elif properties := tuple(_drifted(step)):
            yield replace(_state(step, Op.UPDATE), properties=properties)


def _drifted(step: StepEventMetadata) -> Iterator[PropertyChange]:
    old, new = (_clean((state.outputs if state else None) or {}) for state in (step.old, step.new))
    asked = _inputs(step.old)
    for path, before, after in differences(old, new):
        scaled = path == "spec.replicas" and at(asked, path) is None  # by its autoscaler
        if not is_noise(path) and not scaled:
            yield _difference(path, before, after)
    versions = [at(side, "metadata.resourceVersion") for side in (old, new)]
    if step.type == "kubernetes:core/v1:Secret" and versions[0] != versions[1]:
        yield PropertyChange("data", "update", SECRET, SECRET, False)  # masked, so that nothing else shows it


def _difference(path: str, old: Any, new: Any) -> PropertyChange:
    kind = "add" if old is None else "delete" if new is None else "update"
    return PropertyChange(path, kind, old, new, False)


def _diagnostics(events: Iterable[EngineEvent]) -> Iterator[Diagnostic]:
    for event in events:
        told = event.diagnostic_event
        if told and told.severity != "debug" and not told.ephemeral and told.message.strip():
            severity = "info" if told.severity.startswith("info") else told.severity
            yield Diagnostic(severity, told.message.strip(), told.urn or "")


def _incomplete(resources: Iterable[Change], diagnostics: Iterable[Diagnostic]) -> Iterator[Change]:
    """Return the components of which the Kubernetes plugin says that it could not read their source.

    It names the component by its URN, or by its type and name at the start of the message.
    """
    said = [one for one in diagnostics if _PREVIEW_IS_INCOMPLETE in one.message]
    for component in resources:
        named = f"{component.type}:{component.name} "
        if not component.custom and any(
            one.urn == component.urn or one.message.startswith(named) for one in said
        ):
            yield component


def _without_children(changes: Sequence[Change], incomplete: Sequence[Change]) -> tuple[Change, ...]:
    """Leave out deletions that the engine reports only because a component could not list its objects."""
    parents = {component.urn for component in incomplete}
    return tuple(one for one in changes if one.op is not Op.DELETE or one.parent not in parents)


def _violations(events: Iterable[EngineEvent]) -> Iterator[Violation]:
    for event in events:
        told = event.policy_event
        if told:
            mandatory = told.enforcement_level == "mandatory"
            yield Violation(
                told.policy_name, told.policy_pack_name, mandatory, told.message, told.resource_urn or ""
            )
