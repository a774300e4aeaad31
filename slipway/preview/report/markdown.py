"""The report as a comment on a pull request.

GitHub refuses comments of more than 65,536 characters. A report that is longer loses details step by step,
in the same way for all stacks, and the comment lists the omitted details.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from slipway.preview.report import mermaid
from slipway.preview.report.model import Report, Resource, Stack
from slipway.preview.report.wording import (
    DRIFT,
    LEVEL_STATES,
    MARKS,
    OPS,
    PICTURE,
    REFUSED,
    headline,
    omitted,
    shortened,
    state,
    summary,
)
from slipway.preview.rules import Consequence, Level
from slipway.preview.topology.model import Mark, Topology

LIMIT = 65_536
MARK = "<!-- slipway preview -->"
"""The first line of a comment, by which pipelines find it to update it in place."""


@dataclass(frozen=True)
class _Detail:
    """The amount of detail in a comment, and a phrase for the omitted details."""

    value: int
    """Characters for each value."""
    properties: Literal["all", "risky", "none"]
    """risky: of resources with consequences above safe."""
    resources: bool
    """Whether resources are listed by name, or counted by kind."""
    consequences: int
    """The number of consequences for each stack."""
    picture: bool = True
    """Whether the picture of the system is drawn."""
    folded: str = ""


_STEPS = (
    _Detail(200, "all", True, 1000),
    _Detail(60, "all", True, 1000, folded="values longer than 60 characters"),
    _Detail(60, "risky", True, 1000, folded="properties of resources whose change is safe"),
    _Detail(60, "none", True, 1000, False, "all properties and the picture"),
    _Detail(60, "none", False, 200, False, "all properties, the picture and the names of resources"),
    _Detail(60, "none", False, 25, False, "all but the 25 gravest consequences of each stack"),
    _Detail(60, "none", False, 3, False, "all but the 3 gravest consequences of each stack"),
)


def render(report: Report, limit: int = LIMIT) -> str:
    """Return the comment, with at most `limit` characters."""
    for detail in _STEPS:
        text = _render(report, detail)
        if len(text) <= limit:
            return text
    end = "\n\n… cut, because it is too long even without details. The JSON and HTML reports are complete.\n"
    return text[: limit - len(end)] + end


def _render(report: Report, detail: _Detail) -> str:
    parts = [MARK]
    if len(report.stacks) > 1:
        parts.append(_overview(report))
    parts += [_stack(stack, detail) for stack in report.stacks]
    if detail.folded:
        parts.append(
            f"Folded to fit into a comment: {detail.folded}. The HTML and JSON reports are complete."
        )
    return "\n\n".join(parts) + "\n"


def _overview(report: Report) -> str:
    rows = [
        f"| {state(stack).icon} {_escaped(stack.name)} | {headline(stack)} | {summary(stack)} |"
        for stack in report.stacks
    ]
    return "\n".join(["| Stack | Consequences | Resources |", "|---|---|---|", *rows])


def _stack(stack: Stack, detail: _Detail) -> str:
    parts = [f"### {state(stack).icon} {_escaped(stack.name)}: {headline(stack)}", summary(stack)]
    shown = stack.consequences[: detail.consequences]
    lines = [line for consequence in shown for line in _consequence(consequence, detail)]
    if left := len(stack.consequences) - len(shown):
        lines.append(f"- and {left} more, none graver")
    parts.append("\n".join(lines))
    parts.append("\n".join(_violations(stack)))
    if stack.failure:
        parts.append(_fenced(stack.failure))
    if stack.topology and detail.picture:
        parts.append(_picture(stack.topology))
    parts += [_resources(stack.resources, "Changes", detail)] if stack.resources else []
    if stack.drift is not None:
        parts.append(_resources(stack.drift, DRIFT, detail) if stack.drift else "No drift.")
    parts += [_escaped(shortened(message, 500)) for message in stack.messages[:10]]
    parts += [f"*{_escaped(note)}*" for note in stack.notes]
    return "\n\n".join(part for part in parts if part)


def _picture(topology: Topology) -> str:
    marks = ", ".join(f"{MARKS[mark]} {mark}" for mark in (Mark.ADDED, Mark.REMOVED, Mark.CHANGED))
    title = f"{PICTURE}: {marks}. {omitted(topology)}".strip()
    return f"{title}\n\n```mermaid\n{mermaid.render(topology)}\n```"


def _consequence(consequence: Consequence, detail: _Detail) -> list[str]:
    lines = [
        f"- {LEVEL_STATES[consequence.level].icon} **{consequence.concern}** {_escaped(consequence.reason)}"
    ]
    shown = consequence.details[: detail.consequences]
    lines += [f"  - {_code(shortened(line, detail.value))}" for line in shown]
    if left := len(consequence.details) - len(shown):
        lines.append(f"  - and {left} more")
    return lines


def _violations(stack: Stack) -> list[str]:
    return [
        f"- {f'{REFUSED.icon} refused by policy' if violation.mandatory else '💬 policy advises'}"
        f" **{_escaped(violation.policy)}**: {_escaped(shortened(violation.message, 500))}"
        for violation in stack.violations[:50]
    ]


def _resources(resources: tuple[Resource, ...], title: str, detail: _Detail) -> str:
    if not detail.resources:
        kinds = Counter((OPS[resource.op][1], resource.type.rpartition(":")[2]) for resource in resources)
        counted = [f"{number} {kind} {done}" for (done, kind), number in sorted(kinds.items())]
        return f"{title}: {', '.join(counted)}"
    lines = [line for resource in resources for line in _resource(resource, detail)]
    body = "\n".join(lines)
    return f"<details><summary>{title}, property by property</summary>\n\n```diff\n{body}\n```\n\n</details>"


def _resource(resource: Resource, detail: _Detail) -> list[str]:
    mark, done = OPS[resource.op]
    sign = {"create": "+", "delete": "-"}.get(resource.op, "!")
    kind = resource.type.rpartition(":")[2]
    lines = [f"{sign} {mark} {_plain(kind)} {_plain(resource.name)} {done}"]
    risky = detail.properties == "risky" and resource.level > Level.SAFE
    if detail.properties != "all" and not risky:
        return lines
    for item in resource.properties:
        end = "  (replaces)" if item.replaces else ""
        if item.kind != "add":
            lines.append(f"-     {item.path}: {_plain(shortened(item.old or '', detail.value))}{end}")
        if item.kind != "delete":
            lines.append(f"+     {item.path}: {_plain(shortened(item.new or '', detail.value))}{end}")
    return lines


def _plain(value: str) -> str:
    """Remove the marks that would end a code block."""
    return value.replace("```", "'''").replace("\r", "")


def _fenced(value: str) -> str:
    return f"```\n{_plain(value)[:4000]}\n```"


def _code(value: str) -> str:
    """Return text as a code span, whatever backticks it contains."""
    # https://spec.commonmark.org/0.31.2/#code-spans
    fence = "`" * (1 + max(map(len, re.findall("`+", value)), default=0))
    space = " " * ("`" in value)
    return f"{fence}{space}{value}{space}{fence}"


def _escaped(value: str) -> str:
    """Escape text, so that it is not read as markup, link or mention."""
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    for mark in "\\`*_[]|#":
        value = value.replace(mark, f"\\{mark}")
    return re.sub(r"(?<![\w\d])@(?=\w)", "@\u200b", value)
