"""The `slipway` command line. Each command is a module of its own."""

import gc
import importlib
import sys
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from slipway.cli.options import METAVARS
from slipway.errors import SlipwayError

_PANELS: Mapping[str, Mapping[str, str]] = {
    "Begin": {"adopt": "adopt"},
    "Deploy": {"preview": "preview", "apply": "apply", "promote": "promote", "rollback": "promote"},
    "Models": {"train": "train"},
    "Inspect": {
        "status": "status",
        "history": "history",
        "drift": "drift",
        "outdated": "outdated",
        "sbom": "sbom",
    },
    "Plan": {"capacity": "capacity"},
    "Pods": {"logs": "logs", "shell": "shell", "run": "run", "open": "open"},
    "Maintain": {"recover": "recover", "restore": "restore", "prune": "prune"},
}
"""The commands by the panel of `--help` that lists them, each with its module in this package."""


class _PlainHelp:
    """Help without the types of Python: flags and arguments have none, and options name their metavar."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for parameter in ctx.command.get_params(ctx):
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
            elif parameter.param_type_name == "option":
                parameter.metavar = METAVARS.get(parameter.name, parameter.metavar)
            else:
                vars(parameter)["display_type_rich"] = lambda ctx: None
        super().format_help(ctx, formatter)  # type: ignore[misc]  # of the command that this is mixed into


class Command(_PlainHelp, TyperCommand):
    """A command with plain help."""


class Group(_PlainHelp, TyperGroup):
    """The commands, with plain help."""


app = typer.Typer(
    help="Deploy to Kubernetes with Pulumi: see the consequences of a change before `pulumi up`, promote a"
    " version from stack to stack, and repair a stack after a crash.\n\n"
    "Run it in the directory of the Pulumi project, or name that with --cwd. Start with"
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
    commands = {name: (panel, module) for panel, names in _PANELS.items() for name, module in names.items()}
    for name in [command] if command in commands else commands:
        panel, module = commands[name]
        function = getattr(importlib.import_module(f"slipway.cli.{module}"), name)
        if isinstance(function, typer.Typer):
            app.add_typer(function, name=name, rich_help_panel=panel, cls=Group)
        else:
            app.command(rich_help_panel=panel, cls=Command)(function)
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
