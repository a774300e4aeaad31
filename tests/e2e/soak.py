"""The figures of `make soak`, written under reports/."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPORTS = Path(__file__).parents[2] / "reports"


def write(name: str, introduction: str, table: Iterable[Iterable[str]], directory: Path = REPORTS) -> None:
    """Write soak-NAME.md: an introduction and a table, whose first row is the head."""
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    rule = f"|{'---|' * (head.count('|') - 1)}"
    directory.mkdir(exist_ok=True)
    (directory / f"soak-{name}.md").write_text("\n".join((f"{introduction}\n", head, rule, *rows, "")))


@dataclass
class Kill:
    """A process killed in the middle of a command."""

    victim: str
    command: str
    command_failed: bool = False
    repaired: bool = False


def disturb(disturbed: Callable[[float], bool | None], moment: float) -> bool:
    """Disturb a command some seconds after its start, and return whether it failed.

    `disturbed` returns None for a command that had ended before: it may be much faster than the one that was
    timed, and is then started again, and disturbed after half of the time.
    """
    for attempt in range(5):
        failed = disturbed(moment / 2**attempt)
        if failed is not None:
            return failed
    raise AssertionError("nothing was disturbed")


class Kills(list[Kill]):
    """The kills of one session."""

    @contextmanager
    def record(self, victim: str, command: str) -> Iterator[Kill]:
        """Record a kill; it is repaired if the block ends without an error."""
        kill = Kill(victim, command)
        self.append(kill)
        yield kill
        kill.repaired = True

    @property
    def table(self) -> list[list[str]]:
        """A row for each victim and command."""
        head = ["Killed", "during", "times", "the command failed", "repaired"]
        return [
            head,
            *(self._row(*pair) for pair in dict.fromkeys((kill.victim, kill.command) for kill in self)),
        ]

    def _row(self, victim: str, command: str) -> list[str]:
        kills = [kill for kill in self if (kill.victim, kill.command) == (victim, command)]
        failed = sum(kill.command_failed for kill in kills)
        repaired = sum(kill.repaired for kill in kills)
        return [victim, f"`{command}`", str(len(kills)), str(failed), str(repaired)]
