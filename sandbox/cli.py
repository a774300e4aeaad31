"""The command line: `python -m sandbox`."""

import json
import os
import shlex
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from sandbox import environment, lifecycle, status
from sandbox.instance import Instance, SandboxError
from sandbox.progress import Progress
from sandbox.toolchain import Toolchain
from sandbox.tools import PLATFORM

app = typer.Typer(
    help="A real platform on one Linux machine: Kubernetes, a registry, BuildKit and Pulumi's engine.\n\n"
    "SANDBOX_NAME (default: sandbox) names the instance; several can run at once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = Console(stderr=True)
Json = Annotated[bool, typer.Option("--json", help="Print an object instead.")]


@app.command()
def up(
    wait: Annotated[
        bool, typer.Option("--wait", help="Also wait for what is otherwise built in the background.")
    ] = False,
) -> None:
    """Start the sandbox, or mend what is not running; returns at once when all is well.

    The first time, tools are compiled: in the terminal what serving needs, in the background
    (process late-tools) metrics-server and kube-router, which enforces network policies.
    A suitable tool on PATH is used instead of compiling it: kubectl 1.34 to 1.36, Kubernetes'
    components 1.35, CoreDNS from 1.11, BuildKit and buildx from 0.25, pulumi 3.274.1.
    """
    begun = time.monotonic()
    instance = Instance.from_environment()
    with lifecycle.lock(instance), Progress(console) as progress:
        lifecycle.up(instance, progress, wait)
    console.print(f"The sandbox is up ({time.monotonic() - begun:.1f} s). In your shell:", highlight=False)
    prefix = "" if instance.name == "sandbox" else f"SANDBOX_NAME={instance.name} "
    console.print(f'  eval "$({prefix}python -m sandbox env)"', highlight=False)


@app.command(hidden=True)
def complete() -> None:
    """Build what serving does not need, then bring it up."""
    instance = Instance.from_environment()
    tools = Toolchain(instance)
    if tools.missing(*PLATFORM):
        with Progress(console) as progress:
            # Not under the instance's lock: meanwhile other commands may do as they like.
            lifecycle.build(tools, progress, *PLATFORM)
            with lifecycle.lock(instance):
                lifecycle.up(instance, progress, wait=False)


@app.command()
def down() -> None:
    """Stop everything and leave nothing behind but the data."""
    instance = Instance.from_environment()
    with lifecycle.lock(instance):
        lifecycle.down(instance)


@app.command(name="status")
def show_status(as_json: Json = False) -> None:
    """Show processes, memory, cluster, images and plugins; exit code 1 if something is wrong."""
    found = status.collect(Instance.from_environment())
    if as_json:
        print(json.dumps(status.as_json(found), indent=2))
    else:
        status.show(found, Console())
    if found.problems:
        raise typer.Exit(1)


@app.command()
def env(as_json: Json = False) -> None:
    """Print what a shell needs to talk to the sandbox: eval "$(python -m sandbox env)"."""
    found = environment.variables(Instance.from_environment())
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items()))


@app.command()
def logs(
    name: Annotated[str, typer.Argument(help="A process of `status`, e.g. kube-apiserver.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until interrupted.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines.")] = 100,
) -> None:
    """Print the end of a process's log."""
    instance = Instance.from_environment()
    file = instance.logs / f"{name}.log"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in instance.logs.glob("*.log"))) or "none yet"
        raise SandboxError(f"no process is called {name}; there are: {known}")
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), str(file)])  # noqa: S606 - no shell is wanted


@app.command()
def purge(
    tools: Annotated[
        bool, typer.Option("--tools", help="Delete the built tools of all instances too.")
    ] = False,
) -> None:
    """Stop everything and delete the data: cluster, registry, build cache, Pulumi state."""
    instance = Instance.from_environment()
    with lifecycle.lock(instance):
        lifecycle.down(instance)
        lifecycle.purge(instance, tools)


def main() -> None:
    """Run the command line; an error that the user can act on is one message."""
    # Debian keeps servers and network tools here; a root shell from plain `su` does not look here.
    for directory in ("/usr/sbin", "/sbin"):
        if directory not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = f"{os.environ.get('PATH', '')}{os.pathsep}{directory}"
    try:
        app(prog_name="python -m sandbox")
    except SandboxError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise SystemExit(1) from None
