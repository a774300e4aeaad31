"""The form in which Kubernetes writes a quantity: `0.5` is `500m`, `1024Mi` is `1Gi`.

Source: k8s.io/apimachinery/pkg/api/resource, `ParseQuantity` and `CanonicalizeBytes`.
"""

import math
import re
from fractions import Fraction

_FORM = re.compile(r"([+-]?)0*(\d*)(?:\.(\d*))?(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_LARGEST = Fraction(2**63 - 1)


def canonical(quantity: str | int | float) -> str:
    """The form that the API server answers with. Raises ValueError for what is no quantity."""
    text = str(quantity).strip()
    found = _FORM.fullmatch(text)
    if not found or not any(character.isdigit() for character in text):
        raise ValueError(f"{quantity!r} is no quantity")
    sign, whole, fraction, suffix = found[1], found[2] or "0", found[3] or "", found[4] or ""
    number = Fraction(f"{sign}{whole}.{fraction}0")
    if suffix in _BINARY[1:]:
        power = _BINARY.index(suffix)
        if _kept_binary(whole, fraction, power):
            return text
        amount = min(_to_nano(number * 1024**power), _LARGEST)
        if abs(amount) >= 1024 and amount.denominator == 1:
            return _binary(amount.numerator)
        return _decimal(amount, exponent_form=False)
    exponent_form = suffix not in _DECIMAL
    exponent = int(suffix[1:]) if exponent_form else _DECIMAL[suffix]
    if _kept_decimal(whole, fraction, exponent):
        return text
    return _decimal(_to_nano(number * Fraction(10) ** exponent), exponent_form=exponent_form)


def _kept_binary(whole: str, fraction: str, power: int) -> bool:
    """Whether Go keeps the text as written: a shortcut of ParseQuantity."""
    return not fraction and 14 - len(whole) - power * 3 >= 0 and int(whole) % 8 != 0


def _kept_decimal(whole: str, fraction: str, exponent: int) -> bool:
    """The same for decimal suffixes; `1.250` is kept, `1.25` is not."""
    digits, scale = whole + fraction, exponent - len(fraction)
    fits = len(digits) <= 18 and scale >= -9
    return fits and scale % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _to_nano(amount: Fraction) -> Fraction:
    """Rounded to 1n, away from zero."""
    nano = math.ceil(abs(amount) * 10**9)
    return Fraction(nano if amount > 0 else -nano, 10**9)


def _binary(amount: int) -> str:
    power = 0
    while amount % 1024 == 0 and power < len(_BINARY) - 1:
        amount, power = amount // 1024, power + 1
    return f"{amount}{_BINARY[power]}"


def _decimal(amount: Fraction, *, exponent_form: bool) -> str:
    if not amount:
        return "0"
    mantissa, exponent = int(amount * 10**9), -9
    while mantissa % 1000 == 0 and (exponent_form or exponent < 18):
        mantissa, exponent = mantissa // 1000, exponent + 3
    if exponent_form:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}"
