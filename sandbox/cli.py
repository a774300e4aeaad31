"""The `sandbox` command line."""

import json
import os
import resource
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from sandbox import preflight, status
from sandbox.platform import environment, ingress_controller, lifecycle
from sandbox.platform.instance import Instance, SandboxError
from sandbox.progress import Progress
from sandbox.tools import pulumi_plugins
from sandbox.tools.catalogue import PLATFORM, Stage
from sandbox.tools.toolchain import Toolchain


class _PlainHelp:
    """Help without the types of Python."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        for parameter in ctx.command.get_params(ctx):
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
            elif parameter.param_type_name == "argument":
                vars(parameter)["display_type_rich"] = lambda ctx: None
        super().format_help(ctx, formatter)  # type: ignore[misc]  # of the command that this is mixed into


class _Command(_PlainHelp, TyperCommand):
    pass


class _Group(_PlainHelp, TyperGroup):
    pass


app = typer.Typer(
    cls=_Group,
    help="A local platform on one Linux machine: Kubernetes, a registry, BuildKit and Pulumi.\n\n"
    'Start it with `sandbox up`, then use it in a shell with `eval "$(sandbox env)"`.\n\n'
    "SANDBOX_NAME (default: sandbox) selects the instance; several instances can run at the same time.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(stderr=True)
FAILS = "false"
"""A command that fails in every shell."""
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(cls=_Command)
def up(
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Wait until all tools are compiled, also those that otherwise follow in the background.",
        ),
    ] = False,
    docker: Annotated[
        bool,
        typer.Option("--docker", help="Also start a Docker engine, and from then on with every start."),
    ] = False,
    store: Annotated[
        bool,
        typer.Option(
            "--store", help="Also start an S3 store for backups, and from then on with every start."
        ),
    ] = False,
    ingress: Annotated[
        bool,
        typer.Option(
            "--ingress",
            help="Also start an ingress controller for host names, and from then on with every start.",
        ),
    ] = False,
    prometheus: Annotated[
        bool,
        typer.Option(
            "--prometheus",
            help="Also start a Prometheus, which measures containers, and from then on with every start.",
        ),
    ] = False,
    postgres: Annotated[
        bool,
        typer.Option(
            "--postgres", help="Also make the base image postgres:15-bookworm, and keep it up to date."
        ),
    ] = False,
) -> None:
    """Start the sandbox, or restart the processes that do not run.

    The first start compiles the tools, which takes about 15 minutes. metrics-server, and kube-router, which
    enforces network policies, follow in the background (process late-tools).

    A suitable tool on PATH is used instead: kubectl 1.34 to 1.36, Kubernetes' components 1.35, CoreDNS from
    1.11, BuildKit and buildx from 0.25, pulumi from 3.272.
    """
    begun = time.monotonic()
    instance = Instance.from_environment()
    with lifecycle.lock(instance), Progress(console) as progress:
        lifecycle.up(instance, progress, wait, docker, postgres, store, ingress, prometheus)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = f"{time.monotonic() - begun:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of processor time"
    console.print(f"Pulumi plugins: {', '.join(pulumi_plugins.report(instance))}", highlight=False)
    if instance.ingress.exists():
        console.print(f"Host names: {ingress_controller.summary(instance)}", highlight=False, soft_wrap=True)
    console.print(f"The sandbox is up ({took}). In your shell:", highlight=False)
    console.print(f'  eval "$({instance.command("env")})"', highlight=False)


@app.command(hidden=True)
def complete() -> None:
    """Compile the remaining tools, then start their processes."""
    instance = Instance.from_environment()
    tools = Toolchain(instance)
    if tools.missing(*PLATFORM):
        with Progress(console) as progress:
            # Without the instance's lock, so that other commands can run.
            lifecycle.build(tools, progress, *PLATFORM)
            with lifecycle.lock(instance):
                lifecycle.up(instance, progress, wait=False)


@app.command(name="preflight", cls=_Command)
def show_preflight() -> None:
    """Check within seconds whether `sandbox up` can succeed. Changes nothing."""
    instance = Instance.from_environment()
    preflight.check(instance, to_build=bool(Toolchain(instance).missing(*PLATFORM, Stage.TESTS)))


@app.command(cls=_Command)
def down() -> None:
    """Stop the sandbox and keep its data."""
    instance = Instance.from_environment()
    with lifecycle.lock(instance):
        lifecycle.down(instance)


@app.command(name="status", cls=_Command)
def show_status(as_json: Json = False) -> None:
    """Show processes, memory, cluster, images and plugins. Exit code 1 if there is a problem."""
    report = status.collect(Instance.from_environment())
    if as_json:
        print(json.dumps(status.as_json(report), indent=2))
    else:
        status.show(report, Console())
    if report.problems:
        raise typer.Exit(1)


@app.command(cls=_Command)
def env(as_json: Json = False) -> None:
    """Print the environment variables of a shell that uses the sandbox: `eval "$(sandbox env)"`.

    They put the sandbox's tools and its virtualenv on PATH.

    On an error this prints the command `false`, so that the eval fails too: a shell with `set -e` exits.
    """
    variables = environment.variables(_started())
    if as_json:
        print(json.dumps(variables, indent=2))
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items()))


def _started() -> Instance:
    """Return the instance; SandboxError if it was never started, and so has no tools."""
    instance = Instance.from_environment()
    if not instance.bin.exists():
        raise SandboxError(f"the sandbox {instance.name} was never started: run `{instance.command('up')}`")
    return instance


def _process_names(incomplete: str) -> list[str]:
    """Complete the name of a process that has a log."""
    names = (path.stem for path in Instance.from_environment().logs.glob("*.log"))
    return sorted(name for name in names if name.startswith(incomplete))


@app.command(cls=_Command)
def logs(
    name: Annotated[
        str,
        typer.Argument(
            metavar="PROCESS",
            help="A process of `sandbox status`, such as kube-apiserver.",
            autocompletion=_process_names,
        ),
    ],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines until interrupted.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, metavar="N", help="Number of lines.")] = 100,
) -> None:
    """Print the last lines of a process's log."""
    instance = Instance.from_environment()
    file = instance.logs / f"{name}.log"
    if not file.is_file():
        raise SandboxError(
            f"no process {name}; the processes are: {', '.join(_process_names('')) or 'none yet'}"
        )
    os.execvp("tail", ["tail", "-n", str(lines), *(["-F"] if follow else []), str(file)])  # noqa: S606 - it needs no shell


@app.command(cls=_Command)
def certificate(
    hosts: Annotated[
        list[str], typer.Argument(metavar="HOST…", help="Names such as shop.example.com or *.example.com.")
    ],
) -> None:
    """Make a certificate for host names, and print how to use it. It needs `sandbox up --ingress`."""
    instance = Instance.from_environment()
    with lifecycle.lock(instance):
        issued = ingress_controller.certificate(instance, tuple(hosts))
    print(
        f"kubectl create secret tls NAME --cert={issued.certificate} --key={issued.key}\n"
        f"{ingress_controller.request(instance, hosts[0])}"
    )


@app.command(cls=_Command)
def purge(
    tools: Annotated[
        bool, typer.Option("--tools", help="Also delete the compiled tools of all instances.")
    ] = False,
) -> None:
    """Stop the sandbox and delete its data: cluster, registry, build cache, Pulumi state."""
    instance = Instance.from_environment()
    with lifecycle.lock(instance):
        lifecycle.down(instance)
        lifecycle.purge(instance, tools)


def main() -> None:
    """Run the command line. An error that the user can act on becomes one message and exit code 1."""
    # Debian installs servers and network tools here, and a root shell from plain `su` lacks them on PATH.
    for directory in ("/usr/sbin", "/sbin"):
        if directory not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = f"{os.environ.get('PATH', '')}{os.pathsep}{directory}"
    try:
        with _failing_eval():
            app(prog_name="sandbox")
    except SandboxError as error:
        raise _exit(str(error)) from None
    except PermissionError as error:
        if os.geteuid() == 0:
            raise
        raise _exit(f"the sandbox belongs to root ({error}): run this in a shell of `sudo -E -s`") from None


@contextmanager
def _failing_eval() -> Iterator[None]:
    """On any failure of `env`, print what makes its eval fail too: a wrong option counts as well."""
    try:
        yield
    except BaseException as error:
        if sys.argv[1:2] == ["env"] and not (isinstance(error, SystemExit) and not error.code):
            print("null" if "--json" in sys.argv else FAILS)
        raise


def _exit(message: str) -> SystemExit:
    console.print(f"[red]error:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    return SystemExit(1)
