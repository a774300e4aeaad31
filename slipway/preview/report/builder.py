"""From what the engine told to a report: consequences, properties as text, noise left out."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from slipway.preview.report.model import Consequence, LevelName, Property, Resource, Stack, Violation, highest
from slipway.preview.report.vocabulary import visible
from slipway.preview.rules import Consequence as Found
from slipway.preview.rules import Situation, consequences
from slipway.pulumi.changes import Change, EventSummary, Hidden, Op, PropertyChange, at
from slipway.pulumi.changes import Violation as Violated
from slipway.pulumi.property_diff import is_noise

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
    told: EventSummary,
    situation: Situation,
    *,
    drift: Sequence[Change] | None = None,
    notes: Sequence[str] = (),
    failure: str = "",
) -> Stack:
    """Put together what is said of one stack."""
    found = consequences(situation)
    levels = {urn: highest(_level(one) for one in found if one.urn == urn) for urn in {o.urn for o in found}}
    resources = tuple(resource(change, levels.get(change.urn, "safe")) for change in situation.changes)
    return Stack(
        name=name,
        status="failed" if failure else "changed" if resources else "unchanged",
        level=highest(_level(one) for one in found),
        counts={**_counts(situation), "same": told.counts.get("same", len(told.unchanged))},
        consequences=tuple(
            Consequence(
                level=_level(one),
                concern=one.concern,
                reason=visible(one.reason),
                urn=one.urn,
                details=tuple(map(visible, one.details)),
            )
            for one in found
        ),
        resources=resources,
        drift=None if drift is None else tuple(resource(change, "attention") for change in drift),
        violations=tuple(
            _violation(one) for one in sorted(told.violations, key=lambda one: not one.mandatory)
        ),
        messages=tuple(
            dict.fromkeys(
                one.message
                for one in told.diagnostics
                if one.severity in ("warning", "error") and one.message not in failure
            )
        ),
        notes=tuple(notes),
        failure=failure,
    )


def _violation(one: Violated) -> Violation:
    # The engine puts the policy's description on a line before what the policy says.
    description, _, message = one.message.strip().partition("\n")
    return Violation(
        policy=one.policy, mandatory=one.mandatory, message=message.strip() or description, urn=one.urn
    )


def text(value: Any) -> str | None:
    """Write a value: text as it is, all else as JSON, what is hidden as what hides it."""
    if value is None:
        return None
    if isinstance(value, Hidden):
        return str(value)
    plain = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return _PASSWORD_IN_URL.sub(r"\1[secret]", plain)


def _level(one: Found) -> LevelName:
    return one.level.value


def _counts(situation: Situation) -> dict[str, int]:
    ops = [change.op for change in situation.changes]
    return {op.value: ops.count(op) for op in Op if op in ops}


def resource(change: Change, level: LevelName = "safe") -> Resource:
    """Say of a change what reports show, secrets masked."""
    shown = [one for one in change.properties if not is_noise(one.path)]
    return Resource(
        urn=change.urn,
        type=change.type,
        name=change.name,
        parent=change.parent,
        op=change.op.value,
        level=level,
        properties=tuple(_property(change, one) for one in shown),
        noise=len(change.properties) - len(shown),
    )


def _property(change: Change, one: PropertyChange) -> Property:
    content = change.type == "kubernetes:core/v1:Secret" and one.path.startswith(("data", "stringData"))
    hidden = _is_secret(change, one.path)
    old, new = (
        _mask(value) if content or (hidden and isinstance(value, str)) else _masked(value)
        for value in (one.old, one.new)
    )
    kind = one.kind if one.kind in ("add", "delete") else "update"
    return Property.model_validate(
        {"path": one.path, "kind": kind, "old": text(old), "new": text(new), "replaces": one.replaces}
    )


def _is_secret(change: Change, path: str) -> bool:
    """Whether a text is one by its place: the value of something that is named like one."""
    owner = path.removesuffix(".value")
    named = owner != path and any(_LOOKS_SECRET.search(str(at(o, f"{owner}.name"))) for o in _both(change))
    return named or bool(_LOOKS_SECRET.search(path.rstrip('"]')))


def _both(change: Change) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return change.old, change.new


def _mask(value: Any) -> Any:
    return None if value is None else "[secret]"


def _masked(value: Any) -> Any:
    """Mask what is named like a secret inside of a larger value."""
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
