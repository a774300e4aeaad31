"""Literals in Python, as Pulumi writes them in programs."""

import re
from decimal import Decimal

_INTEGERS = range(-(2**63), 2**63)


def string(text: str) -> str:
    """A string: in triple quotes where it has several lines."""
    newlines = text.count("\n")
    if newlines > 1 or (newlines == 1 and text.strip("\n") == text):
        # The official generator escapes neither of the two here, which changes some texts.
        body = re.sub(r'"{3,}|"+\Z', lambda quotes: r"\"" * len(quotes.group()), text.replace("\\", r"\\"))
        return f'"""{_printable(body, keep=chr(10))}"""'
    body = re.sub(r'["\\]', r"\\\g<0>", text).replace("\n", r"\n")
    return f'"{_printable(body)}"'


def number(value: Decimal) -> str:
    """A number: a whole one without point or exponent, as far as 64 bits go."""
    if value == value.to_integral_value() and int(value) in _INTEGERS:
        return str(int(value))
    exact = Decimal(repr(float(value))).normalize()
    if -4 <= exact.adjusted() < 6:
        return f"{exact:f}"
    digits = "".join(map(str, exact.as_tuple().digits))
    mantissa = f"{digits[0]}.{digits[1:]}".rstrip(".")
    return f"{'-' * exact.is_signed()}{mantissa}e{exact.adjusted():+03d}"


def floating(value: Decimal) -> str:
    """A number with a fraction: one that has none is converted."""
    text = number(value)
    return text if "." in text or "e" in text else f"float({text})"


def _printable(text: str, keep: str = "") -> str:
    return "".join(char if char.isprintable() or char in keep else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0xFFFF else f"\\U{code:08x}"
