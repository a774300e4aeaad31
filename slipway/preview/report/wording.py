"""Words and symbols shared by the report formats."""

from dataclasses import dataclass

from slipway.masking import visible
from slipway.preview.report.model import Stack, tally
from slipway.preview.rules import Level
from slipway.preview.topology.model import Mark, Topology

LEVELS = {Level.SAFE: "safe", Level.ATTENTION: "attention", Level.DANGEROUS: "DANGEROUS"}
OPS = {
    "create": ("+", "created"),
    "update": ("~", "changed"),
    "replace": ("±", "replaced"),
    "delete": ("-", "deleted"),
    "import": ("=", "imported"),
    "same": (" ", "unchanged"),
}
MARKS = {Mark.SAME: " ", Mark.ADDED: "+", Mark.REMOVED: "\N{MINUS SIGN}", Mark.CHANGED: "~"}
PICTURE = "How the system is reached"
DRIFT = "Changed in the cluster since the last update"


@dataclass(frozen=True)
class State:
    """The look of a stack's state in every format."""

    name: str
    """The word for it, and the class in the HTML page."""
    icon: str
    """The icon in Markdown."""
    colour: str
    """The colour in the terminal."""


FAILED = State("failed", "❌", "bold white on red")
REFUSED = State("refused", "⛔", "bold magenta")
UNCHANGED = State("unchanged", "⚪", "dim")
LEVEL_STATES = {
    Level.SAFE: State("safe", "🟢", "green"),
    Level.ATTENTION: State("attention", "🟠", "yellow"),
    Level.DANGEROUS: State("dangerous", "🔴", "bold red"),
}


def state(stack: Stack) -> State:
    """Return the state of a stack."""
    statuses = {"failed": FAILED, "refused": REFUSED, "unchanged": UNCHANGED}
    return statuses.get(stack.status) or LEVEL_STATES[stack.level]


def headline(stack: Stack) -> str:
    """Return the most important fact about a stack: 2 dangerous, 1 to look at."""
    fixed = {"failed": "the preview failed", "refused": "refused by policy", "unchanged": "no changes"}
    if stack.status in fixed:
        return fixed[stack.status]
    numbers = tally(stack)
    words = {Level.DANGEROUS: "dangerous", Level.ATTENTION: "to look at"}
    parts = [f"{numbers[level]} {word}" for level, word in words.items() if level in numbers]
    return ", ".join(parts) or "safe"


def omitted(topology: Topology) -> str:
    """Say how many parts a picture leaves out; empty if it shows all."""
    return (
        f"{topology.left_out} parts are left out: the picture would be too large."
        if topology.left_out
        else ""
    )


def marked(text: str, mark: Mark) -> str:
    """Put the sign of a change in front of a part of the picture."""
    return f"{MARKS[mark]} {text}" if mark is not Mark.SAME else text


def summary(stack: Stack) -> str:
    """Count the operations: 3 changed, 1 replaced, 17 unchanged."""
    counts = [f"{stack.counts[op]} {word}" for op, (_, word) in OPS.items() if stack.counts.get(op)]
    return ", ".join(counts)


def shortened(value: str, length: int) -> str:
    """Cut a long value, and append the number of characters that are left out."""
    value = visible(value.replace("\n", "⏎"))
    return value if len(value) <= length else f"{value[:length]}… (+{len(value) - length} characters)"
