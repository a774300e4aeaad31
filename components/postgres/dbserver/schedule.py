"""Base backups and drills at the times of a crontab, in one process: the CronJobs of a single server."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

HEALTHY = Path("/tmp/healthy")  # noqa: S108 # in the container
"""Exists as long as the last run of everything has succeeded."""
LOOK_S = 20
AGAIN = timedelta(minutes=5)
"""The time after which a run that failed is repeated."""
_MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGES: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, _MONTHS), (0, 6, _DAYS),
)  # fmt: skip
"""The lowest and the highest number of each field, and the names of its numbers."""


def matches(schedule: str, moment: datetime) -> bool:
    """Return whether a schedule, which the program has checked, names the minute of a moment."""
    fields = _MACROS.get(schedule, schedule).lower().split()
    of_week = moment.isoweekday() % 7
    actual = (moment.minute, moment.hour, moment.day, moment.month, of_week)
    fit = [
        number in {value for part in text.split(",") for value in _numbers(part, *limits)}
        for text, number, limits in zip(fields, actual, _RANGES, strict=True)
    ]
    minute, hour, day, month, weekday = fit
    # Of two days that are both restricted, each is enough: crontab(5).
    days = day and weekday if {fields[2], fields[4]} & {"*", "?"} else day or weekday
    return minute and hour and month and days


def _numbers(part: str, low: int, high: int, names: tuple[str, ...]) -> range:
    """Return the numbers of a part of a field: 5, 1-5, */15, mon."""
    base, slash, step = part.partition("/")
    first, dash, last = base.partition("-")
    start, end = low, high
    if first not in ("*", "?"):
        start = _number(first, low, names)
        end = _number(last, low, names) if dash else high if slash else start
    return range(start, end + 1, int(step) if slash else 1)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    return names.index(text) + low if text in names else int(text)


def minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the minutes that begin after a moment, until another."""
    minute = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while minute <= until:
        yield minute
        minute += timedelta(minutes=1)


@dataclass
class Task:
    """A module that runs on a schedule."""

    module: str
    schedule: str
    checked: datetime | None
    """The moment until which no run is missing; None if it has never run."""
    failed: datetime | None = None

    def due(self, now: datetime) -> bool:
        """Return whether it has to run: its time has passed, also while the machine was off, or it failed."""
        if self.failed and now - self.failed < AGAIN:
            return False
        passed = minutes(self.checked, now) if self.checked else ()
        due = not self.checked or self.failed or any(matches(self.schedule, minute) for minute in passed)
        self.checked = now
        return bool(due)

    def run(self) -> None:
        """Run the module, which prints what it does."""
        command = ("python3", "-m", f"dbserver.{self.module}")
        failed = subprocess.run(command, check=False).returncode
        self.failed = datetime.now(UTC) if failed else None


def tasks(environment: Mapping[str, str]) -> list[Task]:
    """Return what runs, with the moment of its last run, as the database knows it."""
    from dbserver import database  # the other parts of the module need no driver

    with database.connect() as connection:
        connection.execute(database.SCHEMA)
        query = """
            SELECT (SELECT max(ended) FROM slipway.backup WHERE server = %s),
                   (SELECT max(at) FROM slipway.drill)"""
        backup, drill = connection.execute(query, (environment["DB_NAME"],)).fetchone() or (None, None)
    found = [Task("backup", environment["BACKUP_SCHEDULE"], backup)]
    if schedule := environment.get("DRILL_SCHEDULE"):
        found.append(Task("drill", schedule, drill or datetime.now(UTC)))
    return found


def run(environment: Mapping[str, str]) -> None:
    """Run everything at its times, for ever."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # the first process of a container has no default
    found = tasks(environment)
    while True:
        for task in found:
            if task.due(datetime.now(UTC)):
                task.run()
        if any(task.failed for task in found):
            HEALTHY.unlink(missing_ok=True)
        else:
            HEALTHY.touch()
        time.sleep(LOOK_S)
