"""The page of figures that `make soak` keeps, a section for each suite."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/soak.md"
INTRODUCTION = "# Long forms\n\nWritten by `make soak`.\n"
HEADING = "\n## "


def keep(heading: str, words: str, table: Iterable[Iterable[str]], page: Path = PAGE) -> None:
    """Write a section of the page, in the place of what it said before. The table's first row is its head."""
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    rule = f"|{'---|' * (head.count('|') - 1)}"
    text = "\n".join((f"{heading}\n", f"{words}\n", head, rule, *rows, ""))
    introduction, *sections = (page.read_text() if page.exists() else INTRODUCTION).split(HEADING)
    others = [section for section in sections if not section.startswith(f"{heading}\n")]
    page.write_text(HEADING.join((introduction, *sorted((*others, text)))))


@dataclass
class Kill:
    """A victim killed in the middle of a command."""

    victim: str
    command: str
    harmed: bool = False
    """Whether the command ended otherwise than well."""
    mended: bool = False


class Kills(list[Kill]):
    """All that were made."""

    @contextmanager
    def one(self, victim: str, command: str) -> Iterator[Kill]:
        """Count a kill, and that it was mended if the block ends well."""
        kill = Kill(victim, command)
        self.append(kill)
        yield kill
        kill.mended = True

    @property
    def table(self) -> list[list[str]]:
        """A row for each victim and command."""
        head = ["Killed", "during", "times", "the command failed", "mended"]
        return [head, *(self._row(*of) for of in dict.fromkeys((kill.victim, kill.command) for kill in self))]

    def _row(self, victim: str, command: str) -> list[str]:
        these = [kill for kill in self if (kill.victim, kill.command) == (victim, command)]
        harmed, mended = (sum(getattr(kill, what) for kill in these) for what in ("harmed", "mended"))
        return [victim, f"`{command}`", str(len(these)), str(harmed), str(mended)]
