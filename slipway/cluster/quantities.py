"""Kubernetes quantities of CPU and memory.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from typing import Any

_SUFFIXES = {
    "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60,
}  # fmt: skip


def amount(value: Any) -> float:
    """Return a quantity in cores or bytes; 0 if it is missing, hidden or malformed."""
    text = str(value if value is not None else 0).strip()
    suffix = next((text[-length:] for length in (2, 1) if text[-length:] in _SUFFIXES), "")
    try:
        return float(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, 1)
    except ValueError:
        return 0.0


def cpu(cores: float) -> str:
    """Format cores: 250m, 1.5."""
    return f"{cores:.4g}" if cores >= 1 or cores == 0 else f"{round(cores * 1000)}m"


def memory(size: float) -> str:
    """Format bytes in the largest unit that fits: 256Mi, 1.5Gi."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if size >= _SUFFIXES[unit]:
            return f"{size / _SUFFIXES[unit]:.4g}{unit}"
    return f"{size:.0f}"


def duration(seconds: float) -> str:
    """Format a duration in its largest unit: 2.5 d, 4 h, 20 min, 6 s."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"
