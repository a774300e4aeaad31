"""What a client recorded: each write or read, its outcome, and the longest time without a success."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Attempt:
    """A write or a read of the client; times are in seconds since 1970."""

    begun: float
    ended: float
    number: int
    outcome: str

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"


@dataclass(frozen=True)
class Attempts:
    """All attempts of a kind, in order."""

    all: tuple[Attempt, ...]

    @classmethod
    def parse(cls, log: str) -> "Attempts":
        return cls(tuple(_attempts(log.splitlines())))

    def since(self, moment: float) -> "Attempts":
        return Attempts(tuple(attempt for attempt in self.all if attempt.ended >= moment))

    @property
    def acknowledged(self) -> set[int]:
        return {attempt.number for attempt in self.all if attempt.ok}

    @property
    def refused(self) -> list[Attempt]:
        return [attempt for attempt in self.all if not attempt.ok]

    @property
    def longest_gap(self) -> float:
        """The longest time from the end of a success to the end of the next."""
        ends = [attempt.ended for attempt in self.all if attempt.ok]
        return max((after - before for before, after in pairwise(ends)), default=0.0)


def _attempts(lines: Iterable[str]) -> Iterator[Attempt]:
    for line in lines:
        begun, ended, number, outcome = line.split(" ", 3)
        yield Attempt(float(begun), float(ended), int(number), outcome)
