"""`slipway drift`: what differs between a stack's program, its state and the cluster."""

import dataclasses
import json
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.options import HERE, Directory, Json
from slipway.cli.promote import Yes, prompter
from slipway.errors import SlipwayError
from slipway.pulumi.events import summarise
from slipway.pulumi.project import Project
from slipway.pulumi.stack_file import StackFile
from slipway.pulumi.updates import failure_reason
from slipway.recovery.drift import FORCE_PATCH, differences


def drift(
    stack: Annotated[str, typer.Argument(help="The stack to look at.")],
    fix: Annotated[
        bool, typer.Option("--fix", help="Make the cluster what the program says, after asking.")
    ] = False,
    yes: Yes = False,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show how program, state and cluster differ, and what `pulumi up --refresh` would do about each.

    Exit code, for schedules: 0 nothing differs (or --fix made it so), 2 something does, 1 error.
    """
    with interrupts.deferred():
        one = Project(cwd, FORCE_PATCH).stack(stack)
        talk = prompter(yes) if fix else None
        file = StackFile(one.file, "")
        before = file.text()
        found = differences(one)
        if as_json:
            print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
        else:
            print("\n".join(map(str, found)) or f"{stack}: program, state and cluster agree")
        if found and talk and talk.confirm(f"Make {stack} what its program says?"):
            interrupts.check()
            run = one.up(refresh=True, message="drift --fix")
            if not run.succeeded:
                raise SlipwayError(
                    f"the update of {stack} failed: {failure_reason(run, summarise(run.events))}"
                )
            talk.info(f"{stack} is what its program says")
            found = []
        file.undo_rewriting(before)
    if found:
        raise typer.Exit(2)
