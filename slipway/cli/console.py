"""The terminal: messages, questions, and files that users ask for."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from slipway import interrupts, masking
from slipway.errors import SlipwayError

if TYPE_CHECKING:
    from slipway.promotion.phases import Prompter

console = Console(stderr=True)


def info(text: str) -> None:
    """Print a message without markup, wrapping or secrets."""
    console.print(masking.message(text), highlight=False, markup=False, soft_wrap=True)


def print_error(error: SlipwayError) -> None:
    """Print an error without secrets; a path in brackets is not markup."""
    console.print(Text.assemble(("error:", "red"), f" {masking.message(str(error))}"), soft_wrap=True)


def make_prompter(yes: bool) -> "Prompter":
    """Return the prompter of a command; with `yes` it confirms every question itself.

    Raises:
        SlipwayError: when there is no terminal for questions.
    """
    # Imported here, because commands that do not ask start faster without them.
    from slipway.preview.report import terminal
    from slipway.promotion.phases import Prompter

    if not yes and not sys.stdin.isatty():
        raise SlipwayError("not a terminal: pass --yes to apply without confirmation")

    def confirm(question: str) -> bool:
        if yes:
            return True
        with interrupts.at_once():
            return typer.confirm(question, err=True)

    return Prompter(info, lambda report: terminal.show(report, console), confirm)


def save(name: str, text: str, file: Path) -> None:
    """Write a file and create its directory; SlipwayError when that fails."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SlipwayError(f"cannot write the {name} to {file}: {error.strerror}") from None
