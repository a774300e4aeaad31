"""Times at which a CronJob runs: schedules as in crontab(5), and time zones."""

import difflib
import re
import zoneinfo
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
"""Each field of a schedule: its lowest and highest number, and the names of its numbers."""


def _schedule(value: str) -> str:
    """Refuse what Kubernetes refuses, by the part that is wrong.

    https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
    """
    if "TZ=" in value:
        raise ValueError("must be without a time zone: that is an argument of its own, time_zone")
    if value.startswith("@"):
        if value not in _MACROS:
            raise ValueError(f"must be five fields, or one of {', '.join(_MACROS)}")
        return value
    fields = value.split()
    if len(fields) != len(_FIELDS):
        names = ", ".join(name for name, *_ in _FIELDS)
        raise ValueError(f"must have five fields ({names}), but has {len(fields)}")
    for text, (name, low, high, names_of) in zip(fields, _FIELDS, strict=True):
        for part in text.split(","):
            if not _fits(part.lower(), low, high, names_of):
                raise ValueError(
                    f"must have a {name} from {low} to {high}, as 5, 1-5, */15 or *; {part!r} is not"
                )
    return value


def _fits(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    base, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    if base in ("*", "?"):
        return True
    start, dash, end = base.partition("-")
    numbers = [_number(text, low, names) for text in ([start, end] if dash else [start])]
    return all(number is not None and low <= number <= high for number in numbers) and (
        not dash or (numbers[0] or 0) <= (numbers[1] or 0)
    )


def _number(text: str, low: int, names: tuple[str, ...]) -> int | None:
    if text in names:
        return names.index(text) + low
    return int(text) if re.fullmatch("[0-9]{1,2}", text) else None


def _time_zone(value: str) -> str:
    known = zoneinfo.available_timezones()  # none on a machine without tzdata
    if value in known or (not known and re.fullmatch(r"[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", value)):
        return value
    close = difflib.get_close_matches(value, known, 1) or ["Europe/Berlin"]
    raise ValueError(f"must be a time zone by its name, such as {close[0]}")


Schedule = Annotated[
    str, AfterValidator(_schedule), WithJsonSchema({"type": "string", "examples": ['"30 4 * * *"']})
]
TimeZone = Annotated[
    str, AfterValidator(_time_zone), WithJsonSchema({"type": "string", "examples": ["Europe/Berlin"]})
]
