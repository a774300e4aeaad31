"""Building of a stack's report: consequences, differences as text, masked secrets."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from slipway.preview.report.model import Property, Resource, Stack, Violation
from slipway.preview.report.vocabulary import visible
from slipway.preview.rules import Consequence, Level, Situation, consequences, highest
from slipway.preview.topology.compare import topology
from slipway.pulumi import changes
from slipway.pulumi.changes import Change, EventSummary, Hidden, Op, PropertyChange
from slipway.pulumi.properties import is_noise, value_at
from slipway.pulumi.updates import is_generic, policy_refusal, without_values

# The same patterns are in policy/rules.py, which imports nothing of the project.
_LOOKS_SECRET = re.compile(
    r"""(?:secret|passw|pass_?phrase|(?<!max)(?<!max_)token(?!iz)|credential|(?:basic|cli)_?auth$
    |(?:access|account|api|app|auth|client|deploy|encryption|fernet|hmac|jwt|license|master|private|rsa|session
       |shared|signing|ssh|storage|webhook)[_-]?key(?![_-]?id)
    |(?:^|[_.-])(?:pass|pat)$|[_-]pwd$|(?-i:[a-z](?:Pass|Pat|Pwd))$)
    (?![^].["]*(?:ref|name|namespace|file|path|dir|mount|url|uri|endpoint|host|ttl|expir(?:y|es|ation)|lifetime
       |seconds|minutes|hours|days|timeout|interval|length|size|count|limit|enabled|required|policy|algorithm
       |issuer|audience|header|prefix|type|version)s?$)
    [^].["]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_PASSWORD_IN_URL = re.compile(r'(://[^\s/:@"]*:)(?!\$\()[^\s/@"]+(?=@)')


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
    status = _status(events, failure, changed=bool(resources))
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
        violations=tuple(map(_violation, violations)),
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
        message = without_values(item.message)
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


def text(value: Any) -> str | None:
    """Format a value: text and hidden values as they are, other values as JSON."""
    if value is None:
        return None
    if isinstance(value, Hidden):
        return str(value)
    plain = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return _PASSWORD_IN_URL.sub(r"\1[secret]", plain)


def _visible(consequence: Consequence) -> Consequence:
    details = tuple(map(visible, consequence.details))
    return replace(consequence, reason=visible(consequence.reason), details=details)


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
        message=message.strip() or description,
        urn=violation.urn,
    )


def _counts(situation: Situation) -> dict[str, int]:
    ops = [change.op for change in situation.changes]
    return {op.value: ops.count(op) for op in Op if op in ops}


def _property(change: Change, item: PropertyChange) -> Property:
    content = change.type == "kubernetes:core/v1:Secret" and item.path.startswith(("data", "stringData"))
    secret = _is_secret(change, item.path)
    old, new = (
        _mask(value) if content or (secret and isinstance(value, str)) else _masked(value)
        for value in (item.old, item.new)
    )
    kind = item.kind if item.kind in ("add", "delete") else "update"
    return Property.model_validate(
        {"path": item.path, "kind": kind, "old": text(old), "new": text(new), "replaces": item.replaces}
    )


def _is_secret(change: Change, path: str) -> bool:
    """Return whether a property's own name, or the name next to its value, looks like that of a secret."""
    owner = path.removesuffix(".value")
    names = (str(value_at(inputs, f"{owner}.name")) for inputs in (change.old, change.new))
    named = owner != path and any(_LOOKS_SECRET.search(name) for name in names)
    return named or bool(_LOOKS_SECRET.search(path.rstrip('"]')))


def _mask(value: Any) -> Any:
    return None if value is None else "[secret]"


def _masked(value: Any) -> Any:
    """Mask the parts of a value whose names look like those of secrets."""
    if isinstance(value, Mapping):
        named = _LOOKS_SECRET.search(str(value.get("name", ""))) and isinstance(value.get("value"), str)
        return {
            key: _mask(item)
            if (isinstance(item, str) and _LOOKS_SECRET.search(str(key))) or (named and key == "value")
            else _masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value
