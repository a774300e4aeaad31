"""What formats say alike."""

from delivery.report.model import Stack, tally

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


def shortened(value: str, length: int) -> str:
    """Fold a long value, and say how much of it is folded."""
    value = value.replace("\n", "⏎")
    return value if len(value) <= length else f"{value[:length]}… (+{len(value) - length} characters)"
