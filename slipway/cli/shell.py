"""`slipway shell`: a shell or a command in a running pod."""

import sys
from typing import Annotated

import typer

from slipway.cli.options import HERE, Component, Directory, Stack
from slipway.cluster.pods import component_workloads, main_container, ready_pod
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

_SHELL = ("sh", "-c", "if command -v bash >/dev/null; then exec bash; else exec sh; fi")


def shell(
    stack: Stack,
    component: Component,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="COMMAND", help="Command and its arguments, after -- (default: a shell)."),
    ] = None,
    cwd: Directory = HERE,
) -> None:
    """Open a shell in a ready pod of a component, or run a command there.

    Exit code: the command's.
    """
    snapshot = StackSnapshot.read(Project(cwd), stack)
    pod = ready_pod(snapshot.cluster, component_workloads(snapshot.cluster, snapshot.objects, component))
    terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
    code = snapshot.cluster.attached(
        "exec", pod["metadata"]["name"], f"--namespace={pod['metadata']['namespace']}",
        f"--container={main_container(pod)['name']}", "--stdin", *terminal, "--", *(command or _SHELL),
    )  # fmt: skip
    raise typer.Exit(code)
