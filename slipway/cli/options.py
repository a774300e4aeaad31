"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.pulumi.stack_file import stack_files

METAVARS = {
    "base_ref": "REF", "check_command": "COMMAND", "check_host": "HOST", "check_path": "PATH",
    "check_status": "STATUS", "cwd": "DIRECTORY", "html": "FILE", "last": "N",
    "confidence": "SHARE", "margin": "DIFFERENCE", "max_latency": "TIMES", "max_size": "TIMES",
    "max_errors": "SHARE", "max_failed": "SHARE", "max_shift": "INDEX", "min_requests": "N",
    "min_age": "SECONDS", "output": "FILE", "patience": "SECONDS", "plan": "FILE", "policy_pack": "DIRECTORY",
    "port": "PORT", "rate": "N", "repository": "REPOSITORY", "require_drill": "SECONDS",
    "save_plan": "DIRECTORY", "service": "NAME", "shares": "PERCENTS", "soak": "SECONDS",
    "stack": "STACK", "step": "SECONDS", "tail": "N", "to": "N",
}  # fmt: skip
"""What the help calls the value of an option, by the name of the parameter."""


def stack_names(incomplete: str) -> list[str]:
    """Complete the name of a stack from the stack files in the current directory."""
    directory = stack_files(Path())
    names = sorted(path.name[len("Pulumi.") : -len(".yaml")] for path in directory.glob("Pulumi.*.yaml"))
    return [name for name in names if name.startswith(incomplete)]


Stack = Annotated[str, typer.Argument(metavar="STACK", help="Name of the stack.", autocompletion=stack_names)]
Stacks = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="STACK",
        help="Names of stacks, in the order to show (default: all).",
        autocompletion=stack_names,
    ),
]
_COMPONENT = "Name of the component: its label app.kubernetes.io/name, or else the name of its workload."
Component = Annotated[str, typer.Argument(metavar="COMPONENT", help=_COMPONENT)]
OptionalComponent = Annotated[str | None, typer.Argument(metavar="COMPONENT", help=_COMPONENT)]
Directory = Annotated[Path, typer.Option("--cwd", "-C", help="Directory of the project.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask for confirmation; required without a terminal.")
]
PolicyPacks = Annotated[
    list[Path] | None,
    typer.Option(
        help="Directory of a policy pack; repeatable (default: the project's policy/, if it exists)."
    ),
]
HERE = Path()
