"""The report of an adoption: a line for each field of the source."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Fate(StrEnum):
    """The outcome for a field of the source."""

    TRANSLATED = "translated"
    CHANGED = "changed"
    LEFT_OUT = "left out"


UNKNOWN = "slipway does not know this field: check whether the application needs it"


@dataclass(frozen=True)
class Line:
    """A line of the report: a field, its outcome, and how, why, or what to do."""

    path: str
    fate: Fate
    text: str
    keys: tuple[str, ...] = ()
    """The keys below the field that the line is about too."""
    whole: bool = False
    """Whether the line is about all that is below the field."""

    def covers(self, leaf: str) -> bool:
        """Return whether the line is about a field."""
        if self.whole and leaf.startswith((f"{self.path}.", f"{self.path}[")):
            return True
        return leaf == self.path or leaf in {join(self.path, key) for key in self.keys}


@dataclass
class Report:
    """The lines of an adoption, in the order of the translation."""

    lines: list[Line] = field(default_factory=list)

    def translated(self, path: str, text: str, *keys: str, whole: bool = False) -> None:
        """Record a field that the program has, and how."""
        self.lines.append(Line(path, Fate.TRANSLATED, text, keys, whole))

    def changed(self, path: str, text: str, *keys: str) -> None:
        """Record a field that the program has in another form, and why."""
        self.lines.append(Line(path, Fate.CHANGED, text, keys))

    def left_out(self, path: str, text: str) -> None:
        """Record a field that the program does not have, with all below it, and what to do."""
        self.lines.append(Line(path, Fate.LEFT_OUT, text, whole=True))

    def settle(self, fields: Mapping[str, Any], path: str, table: Mapping[str, tuple[Fate, str]]) -> None:
        """Record the fields for which a table has an answer."""
        for key in table:
            value: Any = fields
            for part in key.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            if value is not None:
                self.lines.append(Line(join(path, key), *table[key], whole=True))

    def complete(self, source: Mapping[str, Any]) -> None:
        """Record each field of the source without a line as left out; put lines into the source's order."""
        order: dict[int, int] = {}
        for place, leaf in enumerate(leaves(source)):
            covering = [line for line in self.lines if line.covers(leaf)]
            if not covering:
                self.left_out(leaf, UNKNOWN)
                covering = self.lines[-1:]
            for line in covering:
                order.setdefault(id(line), place)
        self.lines.sort(key=lambda line: order.get(id(line), len(self.lines) + len(order)))

    def rename(self, origins: Mapping[str, str]) -> None:
        """Replace the paths of fields by the names that their source has for them."""
        for index, line in enumerate(self.lines):
            above = [path for path in origins if f"{line.path}.".startswith((f"{path}.", f"{path}["))]
            if above:
                longest = max(above, key=len)
                self.lines[index] = replace(line, path=origins[longest], keys=())

    def count(self, fate: Fate) -> int:
        """Return the number of lines with a fate."""
        return sum(line.fate is fate for line in self.lines)

    def markdown(self, source: str, notes: Sequence[str]) -> str:
        """Return the report as a document; `source` is the file that it is about."""
        counts = ", ".join(f"{self.count(fate)} {fate}" for fate in Fate)
        lines = [f"# {source}, as a Pulumi program", "", f"{counts}.", ""]
        lines += ["| Field | Became | How, why, or what to do |", "|---|---|---|"]
        for line in self.lines:
            keys = f" ({', '.join(line.keys)})" if line.keys else ""
            became = f"**{line.fate}**" if line.fate is Fate.LEFT_OUT else line.fate
            lines.append(f"| `{_cell(line.path)}`{_cell(keys)} | {became} | {_cell(line.text)} |")
        return "\n".join([*lines, "", *notes, ""])


def join(path: str, key: str) -> str:
    """Return the path of a key below a path; the empty key is the path itself."""
    return f"{path}.{key}" if path and key else path or key


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all values except mappings; a list of plain values is one value."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, join(path, str(key)))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def listed(words: Iterable[str]) -> str:
    """Return words as a sentence has them: `a`, `b`."""
    return ", ".join(f"`{word}`" for word in words)
