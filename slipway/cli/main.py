"""The `slipway` command line. Each command is a module of its own."""

import gc
import importlib
import sys

import typer

from slipway.cli.plain_help import Command, Group
from slipway.errors import SlipwayError

_PANELS = {
    "Begin": ("adopt",),
    "Deploy": ("preview", "apply", "promote", "rollback"),
    "Models": ("train",),
    "Inspect": ("status", "history", "drift", "outdated", "sbom"),
    "Plan": ("capacity",),
    "Pods": ("logs", "shell", "run", "open"),
    "Maintain": ("recover", "restore", "prune"),
}
"""The commands by the panel of `--help` that lists them; each but rollback has a module of its name."""

app = typer.Typer(
    help="Deploy to Kubernetes with Pulumi: see the consequences of a change before `pulumi up`, promote a"
    " version from stack to stack, and repair a stack after a crash.\n\n"
    "Run it in the directory of the Pulumi project, or name the directory with --cwd. Start with"
    " `slipway preview STACK`.",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _slipway() -> None:
    """Keep the name of a command also when it is the only one that is loaded."""


def load(command: str) -> None:
    """Import one command, or all commands for an unknown name: imports take half of the start-up time.

    Imported modules stay until the process ends, so the garbage collector skips them.
    """
    gc.disable()
    panels = {name: panel for panel, names in _PANELS.items() for name in names}
    for name in [command] if command in panels else panels:
        module = "promote" if name == "rollback" else name
        function = getattr(importlib.import_module(f"slipway.cli.{module}"), name)
        if isinstance(function, typer.Typer):
            app.add_typer(function, name=name, rich_help_panel=panels[name], cls=Group)
        else:
            app.command(rich_help_panel=panels[name], cls=Command)(function)
    gc.freeze()
    gc.enable()


def main() -> None:
    """Run the command line. An error that the user can act on becomes one message and exit code 1."""
    load(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app(prog_name="slipway")
    except SlipwayError as error:
        from slipway.cli.console import print_error

        print_error(error)
        raise SystemExit(1) from None
