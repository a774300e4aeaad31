"""What formats say alike."""

import re

from slipway.preview.report.model import Stack, tally

LEVELS = {"safe": "safe", "attention": "attention", "dangerous": "DANGEROUS"}
OPS = {
    "create": ("+", "created"),
    "update": ("~", "changed"),
    "replace": ("±", "replaced"),
    "delete": ("-", "deleted"),
    "import": ("=", "imported"),
    "same": (" ", "unchanged"),
}


def headline(stack: Stack) -> str:
    """Say the most important thing of a stack: 2 dangerous, 1 to look at."""
    if stack.status == "failed":
        return "the preview failed"
    if stack.status == "unchanged":
        return "no changes"
    found = tally(stack)
    words = {"dangerous": "dangerous", "attention": "to look at"}
    told = [f"{found[level]} {word}" for level, word in words.items() if level in found]
    return ", ".join(told) or "safe"


def summary(stack: Stack) -> str:
    """Count what happens: 3 changed, 1 replaced, 17 unchanged."""
    counts = [f"{stack.counts[op]} {word}" for op, (_, word) in OPS.items() if stack.counts.get(op)]
    return ", ".join(counts)


def visible(value: str) -> str:
    """Write out what would be obeyed: control characters, ends of lines, changes of direction."""
    hidden = r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
    return re.sub(hidden, lambda found: found[0].encode("unicode_escape").decode(), value)


def shortened(value: str, length: int) -> str:
    """Fold a long value, and say how much of it is folded."""
    value = visible(value.replace("\n", "⏎"))
    return value if len(value) <= length else f"{value[:length]}… (+{len(value) - length} characters)"
