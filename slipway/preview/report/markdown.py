"""The report as a comment on a pull request: consequences first, details folded, never too long.

GitHub refuses comments of more than 65,536 characters. What does not fit is folded step by step, the same
for all stacks, and the comment says what was.
"""

import re
from collections import Counter
from dataclasses import dataclass

from slipway.preview.report.model import Consequence, Report, Resource, Stack
from slipway.preview.report.vocabulary import OPS, headline, shortened, summary

LIMIT = 65_536
MARK = "<!-- slipway preview -->"
"""The first line; by it a comment is found again, to be updated in place."""

_ICONS = {"safe": "🟢", "attention": "🟠", "dangerous": "🔴"}


@dataclass(frozen=True)
class _Detail:
    """How much is shown, and what to say of what is not."""

    value: int
    """Characters of a value."""
    properties: str
    """all, telling (of resources with more than safe consequences) or none."""
    resources: bool
    """Each by its name, or counted by kind."""
    consequences: int
    """How many of each stack."""
    folded: str = ""


_STEPS = (
    _Detail(200, "all", True, 1000),
    _Detail(60, "all", True, 1000, "values longer than 60 characters"),
    _Detail(60, "telling", True, 1000, "properties of resources whose change is safe"),
    _Detail(60, "none", True, 1000, "all properties"),
    _Detail(60, "none", False, 200, "all properties, and resources but for their number"),
    _Detail(60, "none", False, 25, "all but the gravest consequences of each stack"),
    _Detail(60, "none", False, 3, "all but the three gravest consequences of each stack"),
)


def render(report: Report, limit: int = LIMIT) -> str:
    """Write a report in at most `limit` characters."""
    for detail in _STEPS:
        text = _render(report, detail)
        if len(text) <= limit:
            return text
    end = "\n\n… cut: too long even without details. The JSON and HTML reports have everything.\n"
    return text[: limit - len(end)] + end


def _render(report: Report, detail: _Detail) -> str:
    parts = [MARK]
    if len(report.stacks) > 1:
        parts.append(_overview(report))
    parts += [_stack(stack, detail) for stack in report.stacks]
    if detail.folded:
        parts.append(f"Folded to fit into a comment: {detail.folded}. The HTML and JSON reports have them.")
    return "\n\n".join(parts) + "\n"


def _overview(report: Report) -> str:
    rows = [
        f"| {_ICONS[stack.level]} {_escaped(stack.name)} | {headline(stack)} | {summary(stack)} |"
        for stack in report.stacks
    ]
    return "\n".join(["| Stack | Consequences | Resources |", "|---|---|---|", *rows])


def _stack(stack: Stack, detail: _Detail) -> str:
    icon = "❌" if stack.status == "failed" else _ICONS[stack.level]
    parts = [f"### {icon} {_escaped(stack.name)}: {headline(stack)}", summary(stack)]
    shown = stack.consequences[: detail.consequences]
    lines = [line for one in shown for line in _consequence(one, detail)]
    if left := len(stack.consequences) - len(shown):
        lines.append(f"- and {left} more, none graver")
    parts.append("\n".join(lines))
    parts.append("\n".join(_violations(stack)))
    if stack.failure:
        parts.append(_fenced(stack.failure))
    parts += [_resources(stack.resources, "Changes", detail)] if stack.resources else []
    if stack.drift is not None:
        title = "OutOfDate in the cluster since the last update"
        parts.append(_resources(stack.drift, title, detail) if stack.drift else "No drift.")
    parts += [_escaped(shortened(message, 500)) for message in stack.messages[:10]]
    parts += [f"*{_escaped(note)}*" for note in stack.notes]
    return "\n\n".join(part for part in parts if part)


def _consequence(one: Consequence, detail: _Detail) -> list[str]:
    lines = [f"- {_ICONS[one.level]} **{one.concern}** {_escaped(one.reason)}"]
    lines += [f"  - {_code(shortened(line, detail.value))}" for line in one.details[: detail.consequences]]
    if (left := len(one.details) - detail.consequences) > 0:
        lines.append(f"  - and {left} more")
    return lines


def _violations(stack: Stack) -> list[str]:
    return [
        f"- {'🚫 refused by policy' if one.mandatory else '💬 policy advises'} **{_escaped(one.policy)}**:"
        f" {_escaped(shortened(one.message, 500))}"
        for one in stack.violations[:50]
    ]


def _resources(resources: tuple[Resource, ...], title: str, detail: _Detail) -> str:
    if not detail.resources:
        kinds = Counter((OPS[one.op][1], one.type.rpartition(":")[2]) for one in resources)
        counted = [f"{number} {kind} {done}" for (done, kind), number in sorted(kinds.items())]
        return f"{title}: {', '.join(counted)}"
    lines = [line for one in resources for line in _resource(one, detail)]
    body = "\n".join(lines)
    return f"<details><summary>{title}, property by property</summary>\n\n```diff\n{body}\n```\n\n</details>"


def _resource(resource: Resource, detail: _Detail) -> list[str]:
    mark, done = OPS[resource.op]
    sign = {"create": "+", "delete": "-"}.get(resource.op, "!")
    kind = resource.type.rpartition(":")[2]
    lines = [f"{sign} {mark} {_plain(kind)} {_plain(resource.name)} {done}"]
    telling = detail.properties == "telling" and resource.level != "safe"
    if detail.properties != "all" and not telling:
        return lines
    for one in resource.properties:
        why = "  (replaces)" if one.replaces else ""
        if one.kind != "add":
            lines.append(f"-     {one.path}: {_plain(shortened(one.old or '', detail.value))}{why}")
        if one.kind != "delete":
            lines.append(f"+     {one.path}: {_plain(shortened(one.new or '', detail.value))}{why}")
    return lines


def _plain(value: str) -> str:
    """Keep text from ending the block that it stands in."""
    return value.replace("```", "'''").replace("\r", "")


def _fenced(value: str) -> str:
    return f"```\n{_plain(value)[:4000]}\n```"


def _code(value: str) -> str:
    """Keep text from being anything else, its own backticks too."""
    # https://spec.commonmark.org/0.31.2/#code-spans
    fence = "`" * (1 + max(map(len, re.findall("`+", value)), default=0))
    space = " " * ("`" in value)
    return f"{fence}{space}{value}{space}{fence}"


def _escaped(value: str) -> str:
    """Keep text from becoming markup, links or mentions."""
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    for mark in "\\`*_[]|#":
        value = value.replace(mark, f"\\{mark}")
    return re.sub(r"(?<![\w\d])@(?=\w)", "@\u200b", value)
