"""Words and symbols shared by the report formats."""

from slipway.masking import visible
from slipway.preview.report.model import Stack, tally
from slipway.preview.rules import Level

LEVELS = {Level.SAFE: "safe", Level.ATTENTION: "attention", Level.DANGEROUS: "DANGEROUS"}
OPS = {
    "create": ("+", "created"),
    "update": ("~", "changed"),
    "replace": ("±", "replaced"),
    "delete": ("-", "deleted"),
    "import": ("=", "imported"),
    "same": (" ", "unchanged"),
}


def headline(stack: Stack) -> str:
    """Return the most important fact about a stack: 2 dangerous, 1 to look at."""
    if stack.status == "failed":
        return "the preview failed"
    if stack.status == "unchanged":
        return "no changes"
    numbers = tally(stack)
    words = {Level.DANGEROUS: "dangerous", Level.ATTENTION: "to look at"}
    parts = [f"{numbers[level]} {word}" for level, word in words.items() if level in numbers]
    return ", ".join(parts) or "safe"


def summary(stack: Stack) -> str:
    """Count the operations: 3 changed, 1 replaced, 17 unchanged."""
    counts = [f"{stack.counts[op]} {word}" for op, (_, word) in OPS.items() if stack.counts.get(op)]
    return ", ".join(counts)


def shortened(value: str, length: int) -> str:
    """Cut a long value, and append the number of characters that are left out."""
    value = visible(value.replace("\n", "⏎"))
    return value if len(value) <= length else f"{value[:length]}… (+{len(value) - length} characters)"
