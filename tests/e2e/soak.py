"""The page of figures that `make soak` keeps, a section for each suite."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import pulumi_plugins
from sandbox.instance import Instance

PAGE = Path(__file__).parents[2] / "docs/soak.md"
INTRODUCTION = "# Long forms\n\nWritten by `make soak`.\n"
HEADING = "\n## "


def keep(heading: str, words: str, table: Iterable[Iterable[str]], page: Path = PAGE) -> None:
    """Write a section of the page, in the place of what it said before. The table's first row is its head."""
    head, *rows = (f"| {' | '.join(row)} |" for row in table)
    rule = f"|{'---|' * (head.count('|') - 1)}"
    plugins = ", ".join(pulumi_plugins.report(Instance.from_environment()))
    text = "\n".join((f"{heading}\n", f"{words}\n", head, rule, *rows, "", f"Pulumi plugins: {plugins}.", ""))
    introduction, *sections = (page.read_text() if page.exists() else INTRODUCTION).split(HEADING)
    others = [section for section in sections if not section.startswith(f"{heading}\n")]
    page.write_text(HEADING.join((introduction, *sorted((*others, text)))))


@dataclass
class Kills:
    """How often each victim was killed in the middle of each command, and how often one command mended it."""

    killed: Counter[tuple[str, str]] = field(default_factory=Counter)
    mended: Counter[tuple[str, str]] = field(default_factory=Counter)

    @contextmanager
    def one(self, victim: str, command: str) -> Iterator[None]:
        """Count a kill, and that it was mended if the block ends well."""
        self.killed[victim, command] += 1
        yield
        self.mended[victim, command] += 1

    @property
    def table(self) -> list[list[str]]:
        """A row for each victim, a column for each command."""
        commands = sorted({command for _, command in self.killed}, reverse=True)
        victims = dict.fromkeys(victim for victim, _ in self.killed)
        return [
            ["", *(f"mended after `{command}`" for command in commands)],
            *([victim, *(self._cell(victim, command) for command in commands)] for victim in victims),
        ]

    def _cell(self, victim: str, command: str) -> str:
        one = victim, command
        return f"{self.mended[one]} of {self.killed[one]}"
