"""`slipway`: what surrounds `pulumi up`. Each command is a module of its own."""

import gc
import importlib
import sys
from collections.abc import Mapping

import typer
from rich.console import Console

from slipway.errors import SlipwayError

COMMANDS: Mapping[str, str] = {
    "preview": "preview",
    "apply": "apply",
    "promote": "promote",
    "rollback": "promote",
    "history": "history",
    "drift": "drift",
    "recover": "recover",
    "prune": "prune",
    "sbom": "sbom",
    "status": "status",
}
"""Each command, and the module beside this one that implements it."""

app = typer.Typer(
    help="What surrounds `pulumi up`: see what a change will do before it is made, and apply what was seen.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _slipway() -> None:
    """Keep commands named, also while there is only one."""


def load(wanted: str) -> None:
    """Import the wanted command, or all where it is none of them: half of the time to start is imports.

    What is imported stays until the end, so the garbage collector need not look at it.
    """
    gc.disable()
    for name in [wanted] if wanted in COMMANDS else COMMANDS:
        module = importlib.import_module(f"slipway.cli.{COMMANDS[name]}")
        app.command()(getattr(module, name))
    gc.freeze()
    gc.enable()


def main() -> None:
    """Run the command line; an error that the user can act on is one message and exit code 1."""
    load(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app()
    except SlipwayError as error:
        Console(stderr=True).print(f"[red]error:[/red] {error}", highlight=False)
        raise SystemExit(1) from None
