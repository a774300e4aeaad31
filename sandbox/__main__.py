"""`python -m sandbox`: a real platform on one Linux machine."""

import json
import shlex
import time
from typing import Annotated

import typer
from rich.console import Console

from sandbox import environment, lifecycle
from sandbox.instance import Instance, SandboxError
from sandbox.progress import Progress

app = typer.Typer(
    help="A real platform on one Linux machine: Kubernetes, a registry, BuildKit and Pulumi's engine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True)


@app.command()
def up() -> None:
    """Start the sandbox, or mend what is not running; at once when all is well."""
    begun = time.monotonic()
    instance = Instance.from_environment()
    with lifecycle.lock(instance):
        lifecycle.up(instance, Progress(console))
    console.print(f"The sandbox is up ({time.monotonic() - begun:.1f} s). In your shell:")
    prefix = "" if instance.name == "sandbox" else f"SANDBOX_NAME={instance.name} "
    console.print(f'  eval "$({prefix}python -m sandbox env)"')


@app.command()
def down() -> None:
    """Stop everything and leave nothing behind but the data."""
    instance = Instance.from_environment()
    with lifecycle.lock(instance):
        lifecycle.down(instance)


@app.command()
def env(
    as_json: Annotated[bool, typer.Option("--json", help="An object instead of export lines.")] = False,
) -> None:
    """Print what a shell needs to talk to the sandbox."""
    found = environment.variables(Instance.from_environment())
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in found.items()))


def main() -> None:
    """Run the command line; an error that the user can act on is one message."""
    try:
        app()
    except SandboxError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
