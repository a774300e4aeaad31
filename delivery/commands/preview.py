"""`python -m delivery preview`: what merging a change will do to each stack."""

from typing import Annotated

import typer

from delivery.errors import DeliveryError
from delivery.events import read
from delivery.options import HERE, Directory
from delivery.stacks import Project


def preview(
    stack: Annotated[
        list[str], typer.Option("--stack", "-s", help="Which stack; several are reported together.")
    ],
    cwd: Directory = HERE,
) -> None:
    """Show what `pulumi up` will do to stacks. Exit code: 0 nothing, 2 changes, 1 error."""
    project = Project(cwd)
    changed = False
    for name in stack:
        run = project.stack(name).preview()
        if not run.succeeded:
            raise DeliveryError(run.failure)
        changes = [change for change in read(run.events).changes if change.custom]
        changed = changed or bool(changes)
        for change in changes:
            print(f"{name}: {change.op} {change.kind} {change.name}")
    raise typer.Exit(2 if changed else 0)
