"""Building of a stack's report: consequences, and differences as text."""

from collections.abc import Sequence
from dataclasses import replace

from slipway import masking
from slipway.masking import masked_text, visible
from slipway.preview.report.model import Property, Resource, Stack, Violation
from slipway.preview.rules import Consequence, Level, Situation, consequences, highest
from slipway.pulumi import changes
from slipway.pulumi.changes import Change, EventSummary, Op, PropertyChange
from slipway.pulumi.properties import is_noise, printed


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
    messages = (
        masking.message(item.message) for item in events.diagnostics if item.severity in ("warning", "error")
    )
    violations = sorted(events.violations, key=lambda violation: not violation.mandatory)
    return Stack(
        name=name,
        status="failed" if failure else "changed" if resources else "unchanged",
        level=highest(consequence.level for consequence in found),
        counts={**_counts(situation), "same": events.counts.get("same", len(events.unchanged))},
        consequences=found,
        resources=resources,
        drift=None if drift is None else tuple(resource(change, Level.ATTENTION) for change in drift),
        violations=tuple(map(_violation, violations)),
        messages=tuple(dict.fromkeys(message for message in messages if message not in failure)),
        notes=tuple(notes),
        failure=failure,
    )


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


def _violation(violation: changes.Violation) -> Violation:
    # The engine prints the policy's description on a line before the policy's message.
    description, _, message = violation.message.strip().partition("\n")
    return Violation(
        policy=violation.policy,
        mandatory=violation.mandatory,
        message=masking.message(message.strip() or description),
        urn=violation.urn,
    )


def _counts(situation: Situation) -> dict[str, int]:
    ops = [change.op for change in situation.changes]
    return {op.value: ops.count(op) for op in Op if op in ops}


def _property(change: Change, item: PropertyChange) -> Property:
    old, new = printed(change, item)
    kind = item.kind if item.kind in ("add", "delete") else "update"
    return Property.model_validate(
        {"path": item.path, "kind": kind, "old": old, "new": new, "replaces": item.replaces}
    )
