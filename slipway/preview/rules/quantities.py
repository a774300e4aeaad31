"""Amounts of CPU and memory as Kubernetes writes them.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import math
from typing import Any

_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def amount(value: Any) -> float:
    """Return cores or bytes; 0 for what is missing, hidden or no quantity."""
    text = str(value if value is not None else 0).strip()
    for length in (2, 1):
        if text[-length:] in _SUFFIXES:
            return _number(text[:-length]) * _SUFFIXES[text[-length:]]
    return _number(text)


def cpu(cores: float) -> str:
    """Write cores: 250m, 1.5."""
    return f"{cores:.4g}" if cores >= 1 or cores == 0 else f"{round(cores * 1000)}m"


def memory(size: float) -> str:
    """Write bytes with the largest fitting unit: 256Mi, 1.5Gi."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if size >= _SUFFIXES[unit]:
            return f"{size / _SUFFIXES[unit]:.4g}{unit}"
    return f"{size:.0f}"


def share(value: Any, of: int, *, up: bool) -> int:
    """Return a number of pods given as such or in percent; a share is rounded up for surge, else down."""
    if isinstance(value, str) and value.endswith("%"):
        exact = _number(value[:-1]) * of / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(amount(value))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
