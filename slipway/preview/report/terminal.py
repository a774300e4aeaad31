"""The report in a terminal."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from slipway.preview.report.model import Report, Resource, Stack
from slipway.preview.report.vocabulary import LEVELS, OPS, headline, shortened, summary

_COLOURS = {"safe": "green", "attention": "yellow", "dangerous": "bold red"}
_OP_COLOURS = {"create": "green", "update": "yellow", "replace": "magenta", "delete": "red"}
_WIDTH = 120


def show(report: Report, console: Console) -> None:
    """Print a report, consequences first."""
    for stack in report.stacks:
        console.print(_stack(stack))
        console.print()


def _stack(stack: Stack) -> RenderableType:
    title = Text.assemble((f"{stack.name}: ", "bold"), (headline(stack), _COLOURS[stack.level]))
    parts: list[RenderableType] = [title, Text(summary(stack), style="dim")]
    if stack.consequences:
        parts.append(_consequences(stack))
    for violation in stack.violations:
        kind = "refused by policy" if violation.mandatory else "policy advises"
        parts.append(Text(f"{kind} {violation.policy}: {violation.message}", style="red"))
    for resource in stack.resources:
        parts.append(_resource(resource))
    if stack.drift is not None:
        parts.append(Text("OutOfDate in the cluster since the last update:" if stack.drift else "No drift."))
        parts += [_resource(resource) for resource in stack.drift]
    parts += [Text(message, style="yellow") for message in stack.messages]
    parts += [Text(note, style="dim") for note in stack.notes]
    if stack.failure:
        parts.append(Text(stack.failure, style="red"))
    return Group(*parts)


def _consequences(stack: Stack) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for one in stack.consequences:
        reason = Text(one.reason, overflow="fold")  # a URN may be longer than the line
        for line in one.details:
            reason.append(f"\n  {line}", style="dim")
        table.add_row(Text(LEVELS[one.level], style=_COLOURS[one.level]), Text(one.concern), reason)
    return table


def _resource(resource: Resource) -> RenderableType:
    mark, _ = OPS[resource.op]
    kind = resource.type.rpartition(":")[2]
    lines = Text.assemble((f" {mark} {kind} {resource.name}", _OP_COLOURS.get(resource.op, "")))
    for one in resource.properties:
        lines.append(f"\n     {one.path}: ", style="dim")
        old, new = (shortened(value or "", _WIDTH) for value in (one.old, one.new))
        lines.append(new if one.kind == "add" else old if one.kind == "delete" else f"{old} → {new}")
        lines.append({"add": " (added)", "delete": " (removed)"}.get(one.kind, ""), style="dim")
        lines.append("  replaces" if one.replaces else "", style="magenta")
    return lines
