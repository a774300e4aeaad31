"""How measured times are written, the same way by all measurements."""

import statistics
from collections.abc import Sequence


def line(name: str, seconds: Sequence[float], floor: float, of: str) -> str:
    """Write a median, its ratio to that of `of`, and from which to which time the rounds took."""
    median = statistics.median(seconds)
    extent = f"{min(seconds):.2f} to {max(seconds):.2f}"
    return f"{name:18} {median:6.2f} s  {median / floor:5.2f} x {of}  ({extent})"
