"""Build the report of a stack: consequences, and differences as text."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from slipway import masking
from slipway.masking import masked_text, visible
from slipway.preview.report.model import Property, Resource, Stack
from slipway.preview.rules import Consequence, Level, Situation, consequences, highest
from slipway.preview.topology.compare import topology
from slipway.pulumi.changes import Change, EventSummary, Op, PropertyChange, Violation
from slipway.pulumi.operations import is_generic, policy_refusal, without_values
from slipway.pulumi.property_diff import is_noise, printed


def stack_report(
    name: str,
    events: EventSummary,
    situation: Situation,
    *,
    drift: Sequence[Change] | None = None,
    notes: Sequence[str] = (),
    failure: str = "",
) -> Stack:
    """Build the report of one stack."""
    found = tuple(map(_visible, consequences(situation)))
    levels = _levels(found)
    resources = tuple(resource(change, levels.get(change.urn, Level.SAFE)) for change in situation.changes)
    violations = sorted(events.violations, key=lambda violation: not violation.mandatory)
    status = _status(events, failure, changed=bool(resources or situation.outputs))
    # A failed preview has not examined everything, so it is never safe.
    least = Level.ATTENTION if status == "failed" else Level.SAFE
    return Stack(
        name=name,
        status=status,
        level=highest((least, *(consequence.level for consequence in found))),
        counts={**_counts(situation), "same": events.counts.get("same", len(events.unchanged))},
        consequences=found,
        resources=resources,
        drift=None if drift is None else tuple(resource(change, Level.ATTENTION) for change in drift),
        violations=tuple(map(_printed, violations)),
        messages=tuple(dict.fromkeys(_messages(events, failure))),
        notes=tuple(notes),
        failure=failure,
        topology=None if status == "failed" else topology(situation),
    )


def _status(
    events: EventSummary, failure: str, *, changed: bool
) -> Literal["unchanged", "changed", "refused", "failed"]:
    if failure:
        return "refused" if failure == policy_refusal(events) else "failed"
    return "changed" if changed else "unchanged"


def _messages(events: EventSummary, failure: str) -> Iterator[str]:
    """Yield warnings and errors that the failure does not contain, without the engine's own words for it."""
    for item in events.diagnostics:
        message = masking.message(without_values(item.message))
        if item.severity in ("warning", "error") and message not in failure and not is_generic(message):
            yield message


def resource(change: Change, level: Level = Level.SAFE) -> Resource:
    """Return the report of one change, with masked secrets."""
    shown = [item for item in change.properties if not is_noise(item.path)]
    return Resource(
        urn=change.urn,
        type=change.type,
        name=change.name,
        parent=change.parent,
        op=change.op,
        level=level,
        properties=tuple(_property(change, item) for item in shown),
        noise=len(change.properties) - len(shown),
    )


def _visible(consequence: Consequence) -> Consequence:
    reason, *details = (visible(masked_text(text)) for text in (consequence.reason, *consequence.details))
    return replace(consequence, reason=reason, details=tuple(details))


def _levels(found: Sequence[Consequence]) -> dict[str, Level]:
    levels: dict[str, Level] = {}
    for consequence in found:
        levels[consequence.urn] = max(consequence.level, levels.get(consequence.urn, Level.SAFE))
    return levels


def _printed(violation: Violation) -> Violation:
    # The engine prints the policy's description on a line before the policy's message.
    description, _, message = violation.message.strip().partition("\n")
    return replace(violation, message=masking.message(message.strip() or description))


def _counts(situation: Situation) -> dict[str, int]:
    ops = [change.op for change in situation.changes]
    return {op.value: ops.count(op) for op in Op if op in ops}


def _property(change: Change, item: PropertyChange) -> Property:
    old, new = printed(change, item)
    kind = item.kind if item.kind in ("add", "delete") else "update"
    return Property.model_validate(
        {"path": item.path, "kind": kind, "old": old, "new": new, "replaces": item.replaces}
    )
