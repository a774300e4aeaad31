"""The annotation `pulumi.com/waitFor`: JSONPath expressions and conditions instead of a kind's own rules.

The rules are the official provider's (provider/pkg/jsonpath, provider/pkg/await/condition).
"""

import json
import re
from collections.abc import Callable
from typing import Any

from sandbox.plugins.kubernetes.awaiting.fields import count, generation_of, items
from sandbox.plugins.kubernetes.awaiting.verdict import Message, Observed, Verdict, info, warning
from sandbox.plugins.kubernetes.objects import pluck

Judge = Callable[[Observed], Verdict]


def parse(annotation: str) -> Judge:
    """What decides for an object with this annotation: an expression, or all of a JSON array.

    Raises ValueError, with the offending expression, for one that is not understood.
    """
    judges = [_expression(text) for text in _texts(annotation)]
    if not judges:
        raise ValueError("at least one condition must be specified")

    def every(seen: Observed) -> Verdict:
        progress: list[Message] = []
        for judge in judges:
            verdict = judge(seen)
            progress += verdict.progress
            if not verdict.ready:
                return Verdict(False, progress, reasons=verdict.reasons)
        return Verdict(True, progress)

    return every


def _texts(annotation: str) -> list[str]:
    try:
        texts = json.loads(annotation)
    except ValueError:
        return [annotation]
    return texts if isinstance(texts, list) and all(isinstance(text, str) for text in texts) else [annotation]


def _expression(text: str) -> Judge:
    if text.startswith("jsonpath="):
        return _json_path(text.removeprefix("jsonpath="))
    if text.startswith("condition="):
        kind, _, status = text.removeprefix("condition=").partition("=")
        return _condition(kind, status if "=" in text.removeprefix("condition=") else "True")
    raise ValueError(f'expected a "jsonpath=" or "condition=" prefix, got "{text}"')


def _condition(kind: str, wanted: str) -> Judge:
    """Like `kubectl wait --for=condition=`."""

    def judge(seen: Observed) -> Verdict:
        if pluck(seen.object, "status", "conditions") is None:
            return Verdict(False, [warning("Has no .status.conditions")])
        for condition in items(seen.object, "status", "conditions"):
            if str(condition.get("type", "")).casefold() != kind.casefold() or "status" not in condition:
                continue
            generation = generation_of(seen.object)
            known = count(seen.object, "status", "observedGeneration", default=generation)
            known = count(condition, "observedGeneration", default=known)
            if known < generation:
                return Verdict(False, [info(f"Generation {known} is less than expected {generation}")])
            status = str(condition["status"])
            if status.casefold() == wanted.casefold():
                return Verdict(True)
            line = f"Resource has condition {kind}={status} (want {wanted})"
            return Verdict(False, [info(line)], reasons=[line])
        return Verdict(False, reasons=[f"Resource has no condition {kind} (want {wanted})"])

    return judge


def _json_path(expression: str) -> Judge:
    """The strict syntax of `kubectl get -o jsonpath={...}`, optionally with `=value`."""
    import jsonpath  # Rarely needed, so not at the start of every command.

    path, value = _split(expression)
    bracketed = re.search(r"\{\s*(.*?)\s*\}", path)
    if path.startswith("'") and path.endswith("'"):
        raise ValueError(f"{path} should omit shell quotes")
    if bracketed is None:
        raise ValueError(f"{path} should be wrapped in brackets {{ ... }}")
    inner = bracketed[1] if bracketed[1].startswith("$") else f"${bracketed[1]}"
    try:
        query = jsonpath.JSONPathEnvironment(strict=True).compile(inner)
    except jsonpath.JSONPathError as error:
        raise ValueError(f'parsing "{path}": {error}') from error
    shown = f"{path}={value}" if value else path

    def judge(seen: Observed) -> Verdict:
        generation = generation_of(seen.object)
        if count(seen.object, "status", "observedGeneration", default=generation) < generation:
            return Verdict(False)
        found = [match.obj for match in query.finditer(dict(seen.object))]
        return _compared(found, path, value, shown)

    return judge


def _compared(found: list[Any], path: str, value: str, shown: str) -> Verdict:
    if not found:
        return Verdict(False, [info(f"{path} selected nothing")], reasons=[f"{path} selected nothing"])
    if value and isinstance(found[0], list | dict):
        reason = f'"{path}" has a non-primitive value ({json.dumps(found[0])})'
        return Verdict(False, [info(f"Waiting for {shown}")], reasons=[reason])
    if not value or _as_go_prints(found[0]) == value:
        return Verdict(True, [info(f"Found {shown}")])
    line = f'Waiting for {shown} (found "{_as_go_prints(found[0])}")'
    return Verdict(False, [info(line)], reasons=[line])


def _split(expression: str) -> tuple[str, str]:
    """Path and value, parted at the one `=` that is not part of a `==`."""
    parts = re.split(r"(?<!=)=(?!=)", expression)
    if len(parts) > 2:
        raise ValueError(f'format should be {{.path}}=value or {{.path}}, got "{expression}"')
    if len(parts) == 2 and not parts[1]:
        raise ValueError(f"{parts[0]}= requires a value")
    return parts[0], parts[1] if len(parts) == 2 else ""


def _as_go_prints(value: Any) -> str:
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
