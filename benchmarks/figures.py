"""The format of measured times."""

import statistics
from collections.abc import Sequence


def line(name: str, seconds: Sequence[float], reference_s: float, reference: str) -> str:
    """Return the median of the rounds, its ratio to the reference, and the range."""
    median = statistics.median(seconds)
    extent = f"{min(seconds):.2f} to {max(seconds):.2f}"
    return f"{name:18} {median:6.2f} s  {median / reference_s:5.2f} x {reference}  ({extent})"
