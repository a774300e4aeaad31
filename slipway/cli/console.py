"""The terminal: messages, questions, tables, JSON, and files that users ask for."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slipway import interrupts, masking
from slipway.errors import Interrupted, SlipwayError

if TYPE_CHECKING:
    from slipway.promotion.phases import Prompter

console = Console(stderr=True)


def info(text: str) -> None:
    """Print a message without markup, wrapping or secrets."""
    console.print(masking.message(text), highlight=False, markup=False, soft_wrap=True)


def print_error(error: SlipwayError) -> None:
    """Print an error without secrets; a path in brackets is not markup."""
    console.print(Text.assemble(("error:", "red"), f" {masking.message(str(error))}"), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print the result of a command for other programs."""
    print(json.dumps(value, indent=2))


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """Return a table without lines. A cell that is a text has no markup and no secrets."""
    result = Table(box=None, pad_edge=False)
    for column in columns:
        result.add_column(column, overflow="fold")
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(masking.message(cell)) for cell in row))
    return result


def print_table(table: Table, problems: Iterable[str]) -> None:
    """Print a table, and below it a line for each problem."""
    output = Console()
    output.print(table)
    for problem in problems:
        output.print(problem, highlight=False, markup=False, soft_wrap=True)


def make_prompter(yes: bool) -> "Prompter":
    """Return the prompter of a command; with `yes` it confirms every question itself."""
    # Imported here, because commands that do not ask start faster without them.
    from slipway.preview.report import terminal
    from slipway.promotion.phases import Prompter

    if not yes and not sys.stdin.isatty():
        raise SlipwayError("not a terminal: pass --yes to apply without confirmation")

    def confirm(question: str) -> bool:
        if yes:
            return True
        with interrupts.at_once():
            try:
                return typer.confirm(question, err=True)
            except typer.Abort:  # Ctrl-C or Ctrl-D: click catches both
                raise Interrupted("interrupted") from None

    return Prompter(info, lambda report: terminal.show(report, console), confirm)


def save(name: str, text: str, file: Path) -> None:
    """Write a file and create its directory; SlipwayError when that fails."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SlipwayError(f"cannot write the {name} to {file}: {error.strerror}") from None
