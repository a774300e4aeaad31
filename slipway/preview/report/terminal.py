"""The report for a terminal."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from slipway.preview.report.model import Property, Report, Resource, Stack
from slipway.preview.report.wording import (
    DRIFT,
    LEVEL_STATES,
    LEVELS,
    OPS,
    REFUSED,
    headline,
    shortened,
    state,
    summary,
)

_OP_COLOURS = {"create": "green", "update": "yellow", "replace": "magenta", "delete": "red"}
_WIDTH = 120


def show(report: Report, console: Console) -> None:
    """Print a report, consequences first."""
    for stack in report.stacks:
        console.print(_stack(stack))
        console.print()


def _stack(stack: Stack) -> RenderableType:
    title = Text.assemble((f"{stack.name}: ", "bold"), (headline(stack), state(stack).colour))
    parts: list[RenderableType] = [title, Text(summary(stack), style="dim")]
    if stack.consequences:
        parts.append(_consequences(stack))
    for violation in stack.violations:
        kind = "refused by policy" if violation.mandatory else "policy advises"
        style = REFUSED.colour if violation.mandatory else "yellow"
        parts.append(Text(f"{kind} {violation.policy}: {violation.message}", style=style))
    parts += [_resource(resource) for resource in stack.resources]
    if stack.drift is not None:
        parts.append(Text(f"{DRIFT}:" if stack.drift else "No drift."))
        parts += [_resource(resource) for resource in stack.drift]
    parts += [Text(message, style="yellow") for message in stack.messages]
    parts += [Text(note, style="dim") for note in stack.notes]
    if stack.failure:
        parts.append(Text(stack.failure, style="red"))
    return Group(*parts)


def _consequences(stack: Stack) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    for consequence in stack.consequences:
        level = Text(LEVELS[consequence.level], style=LEVEL_STATES[consequence.level].colour)
        reason = Text(consequence.reason, overflow="fold")  # a URN may be longer than the line
        for line in consequence.details:
            reason.append(f"\n  {line}", style="dim")
        table.add_row(level, Text(consequence.concern), reason)
    return table


def _resource(resource: Resource) -> RenderableType:
    mark, _ = OPS[resource.op]
    kind = resource.type.rpartition(":")[2]
    lines = Text.assemble((f" {mark} {kind} {resource.name}", _OP_COLOURS.get(resource.op, "")))
    for item in resource.properties:
        lines.append(f"\n     {item.path}: ", style="dim")
        lines.append(_values(item))
        lines.append({"add": " (added)", "delete": " (removed)"}.get(item.kind, ""), style="dim")
        lines.append("  replaces" if item.replaces else "", style="magenta")
    return lines


def _values(item: Property) -> str:
    old, new = (shortened(value or "", _WIDTH) for value in (item.old, item.new))
    return {"add": new, "delete": old}.get(item.kind, f"{old} → {new}")
