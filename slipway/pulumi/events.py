"""The summary of the engine's events: one change for each resource.

The three events of a replacement become one change. The engine replaces secrets and unknown values by fixed
texts; these become SECRET and UNKNOWN, which cannot be mistaken for the user's text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pulumi.automation.events import EngineEvent, OpType, StepEventMetadata, StepEventStateMetadata

from slipway.masking import MASK
from slipway.pulumi.changes import (
    SECRET,
    UNKNOWN,
    Change,
    Diagnostic,
    EventSummary,
    Op,
    PropertyChange,
    Violation,
)
from slipway.pulumi.property_diff import differences, is_controllers_field, is_noise, value_at

_STACK = "pulumi:pulumi:Stack"
_PREVIEW_IS_INCOMPLETE = "nput properties have unknown values. Preview is incomplete."
# https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/resource#SigKey: a mapping with this key has a
# special meaning; with this value it is a secret, whose content the engine has masked.
_SIGNATURE, _SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's text for a text that is unknown until the update."""
# https://pkg.go.dev/github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin#pkg-constants
_UNKNOWN_VALUES = {
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
    UNKNOWN_TEXT,
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
    "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
    "e48ece36-62e2-4504-bad9-02848725956a",  # archive
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
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


def summarise(events: Iterable[EngineEvent]) -> EventSummary:
    """Return the summary of the events of an operation."""
    events = list(events)
    steps = [event.resource_pre_event.metadata for event in events if event.resource_pre_event]
    by_urn: dict[str, list[StepEventMetadata]] = {}
    for step in steps:
        if step.op in _OPS:
            by_urn.setdefault(step.urn, []).append(step)
    changes = tuple(_change(resource_steps) for resource_steps in by_urn.values())
    unchanged = tuple(_state_change(step, Op.SAME) for step in steps if step.op is OpType.SAME)
    diagnostics = tuple(_diagnostics(events))
    incomplete = tuple(_incomplete((*changes, *unchanged), diagnostics))
    return EventSummary(
        changes=_without_children(changes, incomplete),
        drift=tuple(_drift(tuple(_refreshed(events)))),
        unchanged=unchanged,
        incomplete=incomplete,
        outputs=_stack_outputs(events),
        diagnostics=diagnostics,
        violations=tuple(_violations(events)),
        counts={
            str(getattr(op, "value", op)): count
            for event in events
            if event.summary_event
            for op, count in event.summary_event.resource_changes.items()
        },
    )


def _stack_outputs(events: Iterable[EngineEvent]) -> Change | None:
    """Return what changes of an existing stack's outputs: its last event has those of the program."""
    steps = [event.res_outputs_event.metadata for event in events if event.res_outputs_event]
    step = next((step for step in reversed(steps) if step.type == _STACK), None)
    if step is None or step.old is None or step.new is None:
        return None
    old, new = _outputs(step.old), _outputs(step.new)
    found = tuple(_property_change(*difference) for difference in differences(old, new))
    return replace(_state_change(step, Op.UPDATE), old=old, new=new, properties=found) if found else None


def _change(steps: Sequence[StepEventMetadata]) -> Change:
    ops = [step.op for step in steps]
    main = next((step for step in steps if step.op is OpType.REPLACE), steps[0])
    first_deleted = ops.index(OpType.DELETE_REPLACED) if OpType.DELETE_REPLACED in ops else len(ops)
    first_created = ops.index(OpType.CREATE_REPLACEMENT) if OpType.CREATE_REPLACEMENT in ops else len(ops)
    return _state_change(main, op=_OPS[main.op], deleted_first=first_deleted < first_created)


def _state_change(step: StepEventMetadata, op: Op, deleted_first: bool = False) -> Change:
    state = step.new or step.old
    old, new = _inputs(step.old), _inputs(step.new)
    return Change(
        urn=step.urn,
        type=step.type,
        op=op,
        parent=state.parent if state else "",
        old=old,
        new=new,
        live=_outputs(step.old),
        properties=tuple(_properties(step, old, new)),
        deleted_first=deleted_first,
        retained=bool(step.old and step.old.retain_on_delete),
        safeguards_lost=tuple(_safeguards_lost(step)),
        provider=state.provider if state else "",
        custom=bool(state and state.custom),
    )


def _safeguards_lost(step: StepEventMetadata) -> Iterator[str]:
    if step.old and step.new:
        if step.old.protect and not step.new.protect:
            yield "protect"
        if step.old.retain_on_delete and not step.new.retain_on_delete:
            yield "retainOnDelete"


def _inputs(state: StepEventStateMetadata | None) -> dict[str, Any]:
    return dict(_clean((state.inputs if state else None) or {}))


def _outputs(state: StepEventStateMetadata | None) -> dict[str, Any]:
    return dict(_clean((state.outputs if state else None) or {}))


def is_secret(value: Any) -> bool:
    """Return whether a value of the engine is a secret, masked or encrypted."""
    return isinstance(value, Mapping) and value.get(_SIGNATURE) == _SECRET_SIGNATURE


def _clean(value: Any) -> Any:
    """Replace the engine's texts for secrets and unknown values by SECRET and UNKNOWN."""
    if is_secret(value) or value == MASK:
        return SECRET
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWN_VALUES else value


def _properties(
    step: StepEventMetadata, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Iterator[PropertyChange]:
    if not step.detailed_diff and old and new and step.op is not OpType.SAME:
        yield from (_property_change(*difference) for difference in differences(old, new))
    live = _outputs(step.old)
    for path, diff in (step.detailed_diff or {}).items():
        kind, _, replaces = diff.diff_kind.value.partition("-")
        before = value_at(old, path)
        if before is None:
            before = value_at(live, path)
        yield PropertyChange(path, kind, before, value_at(new, path), bool(replaces))


def _refreshed(events: Iterable[EngineEvent]) -> Iterator[StepEventMetadata]:
    """Yield the refreshed outputs of each resource: the first outputs event after the start of its refresh.

    The event's op is `update` or `delete` in `pulumi refresh`, but `refresh` in `pulumi up --refresh`.
    """
    started: set[str] = set()
    for event in events:
        before = event.resource_pre_event and event.resource_pre_event.metadata
        after = event.res_outputs_event and event.res_outputs_event.metadata
        if before and before.op is OpType.REFRESH:
            started.add(before.urn)
        elif after and after.urn in started:
            started.discard(after.urn)
            yield after


def _drift(steps: Sequence[StepEventMetadata]) -> Iterator[Change]:
    scaled = set(filter(None, map(_scale_target, steps)))
    for step in steps:
        custom = step.old is not None and step.old.custom and not step.type.startswith("pulumi:")
        if not custom:
            continue
        if step.new is None:
            yield _state_change(step, Op.DELETE)
        elif properties := tuple(_drifted_properties(step, _object(step) in scaled)):
            yield replace(_state_change(step, Op.UPDATE), properties=properties)


def _scale_target(step: StepEventMetadata) -> tuple[Any, ...] | None:
    """Return the workload that an autoscaler scales: kind, namespace and name."""
    target = value_at(_inputs(step.old), "spec.scaleTargetRef")
    if not isinstance(target, Mapping):
        return None
    namespace = value_at(_outputs(step.old), "metadata.namespace")
    return target.get("kind", "Deployment"), namespace, target.get("name")


def _object(step: StepEventMetadata) -> tuple[Any, ...]:
    outputs = _outputs(step.old)
    metadata = (value_at(outputs, f"metadata.{key}") for key in ("namespace", "name"))
    return step.type.rpartition(":")[2], *metadata


def _drifted_properties(step: StepEventMetadata, scaled: bool) -> Iterator[PropertyChange]:
    old, new, inputs = _outputs(step.old), _outputs(step.new), _inputs(step.old)
    kind = step.type.rpartition(":")[2]
    for path, before, after in differences(old, new):
        of_controller = (path == "spec.replicas" or is_controllers_field(kind, path)) and value_at(
            inputs, path
        ) is None
        if not is_noise(path) and not of_controller and not (scaled and path == "spec.replicas"):
            yield _property_change(path, before, after)
    versions = [value_at(outputs, "metadata.resourceVersion") for outputs in (old, new)]
    if step.type == "kubernetes:core/v1:Secret" and versions[0] != versions[1]:
        yield PropertyChange("data", "update", SECRET, SECRET, False)  # the values are masked


def _property_change(path: str, old: Any, new: Any) -> PropertyChange:
    kind = "add" if old is None else "delete" if new is None else "update"
    return PropertyChange(path, kind, old, new, False)


def _diagnostics(events: Iterable[EngineEvent]) -> Iterator[Diagnostic]:
    for event in events:
        diagnostic = event.diagnostic_event
        if not diagnostic or diagnostic.severity == "debug" or diagnostic.ephemeral:
            continue
        if message := diagnostic.message.strip():
            severity = "info" if diagnostic.severity.startswith("info") else diagnostic.severity
            yield Diagnostic(severity, message, diagnostic.urn or "")


def _incomplete(resources: Iterable[Change], diagnostics: Iterable[Diagnostic]) -> Iterator[Change]:
    """Yield the components whose source the Kubernetes plugin could not read.

    The diagnostic has the component's URN, or a message that starts with the component's type and name.
    """
    warnings = [diagnostic for diagnostic in diagnostics if _PREVIEW_IS_INCOMPLETE in diagnostic.message]
    for component in resources:
        prefix = f"{component.type}:{component.name} "
        if not component.custom and any(
            warning.urn == component.urn or warning.message.startswith(prefix) for warning in warnings
        ):
            yield component


def _without_children(changes: Sequence[Change], incomplete: Sequence[Change]) -> tuple[Change, ...]:
    """Drop deletions that the engine reports only because a component could not list its objects."""
    parents = {component.urn for component in incomplete}
    return tuple(change for change in changes if change.op is not Op.DELETE or change.parent not in parents)


def _violations(events: Iterable[EngineEvent]) -> Iterator[Violation]:
    for event in events:
        if policy := event.policy_event:
            yield Violation(
                policy=policy.policy_name,
                mandatory=policy.enforcement_level == "mandatory",
                message=policy.message,
                urn=policy.resource_urn or "",
            )
