"""`slipway drift`: the differences between a stack's program, its state and the cluster."""

import dataclasses
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.console import make_prompter, print_json
from slipway.cli.options import HERE, Directory, Json, Stack, Yes
from slipway.preview.preview import policy_packs
from slipway.pulumi.project import Project
from slipway.recovery.drift import FORCE_PATCH, differences


def drift(
    stack: Stack,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Ask, then update the stack so that the cluster matches the program."),
    ] = False,
    yes: Yes = False,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Show how program, state and cluster differ, and how `pulumi up --refresh` would treat each difference.

    Exit code, for scheduled checks: 0 no differences (or --fix removed them), 2 differences, 1 an error.
    """
    with interrupts.deferred():
        target = Project(cwd, FORCE_PATCH).stack(stack)
        prompter = make_prompter(yes) if fix else None
        drifts = differences(target)
        if as_json:
            print_json([dataclasses.asdict(difference) for difference in drifts])
        else:
            print("\n".join(map(str, drifts)) or f"{stack}: program, state and cluster agree")
        if drifts and prompter and prompter.confirm(f"Update {stack} to match its program?"):
            interrupts.check()
            packs = policy_packs(target.project, None)
            run = target.up(refresh=True, policy_packs=packs, message="drift --fix")
            run.check(f"the update of {stack} failed")
            prompter.info(f"{stack} matches its program")
            drifts = []
    if drifts:
        raise typer.Exit(2)
