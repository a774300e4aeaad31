"""Kubernetes quantities of CPU and memory.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from decimal import Decimal
from typing import Any

_FACTORS = {suffix: Decimal(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", *"kMGTPE"), -3)}
_FACTORS |= {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_QUANTITY = re.compile(rf"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)({'|'.join(_FACTORS)})")


def quantity(text: str) -> Decimal:
    """Return a quantity ("250m", "128Mi") in its base unit: cores or bytes.

    Raises:
        ValueError: the text is not a quantity.
    """
    if not (match := _QUANTITY.fullmatch(text)):
        raise ValueError(f"{text!r} is not a quantity")
    return Decimal(match[1]) * _FACTORS[match[2]]


def amount(value: Any) -> float:
    """Return a quantity in cores or bytes; 0 if it is missing, hidden or malformed."""
    try:
        return float(quantity(str(value).strip()))
    except (ValueError, ArithmeticError):
        return 0.0


def cpu(cores: float) -> str:
    """Format cores: 250m, 1.5."""
    return f"{cores:.4g}" if cores >= 1 or cores == 0 else f"{round(cores * 1000)}m"


def memory(size: float) -> str:
    """Format bytes in the largest unit that fits: 256Mi, 1.5Gi."""
    for unit in ("Ti", "Gi", "Mi", "Ki"):
        if size >= (factor := float(_FACTORS[unit])):
            return f"{size / factor:.4g}{unit}"
    return f"{size:.0f}"


def duration(seconds: float) -> str:
    """Format a duration in its largest unit: 2.5 d, 4 h, 20 min, 6 s."""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"
