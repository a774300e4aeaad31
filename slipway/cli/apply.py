"""`slipway apply`: apply a reviewed plan."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from slipway.cli.console import print_json
from slipway.cli.options import HERE, Directory, Json, PolicyPacks
from slipway.preview.plan import Plan
from slipway.preview.plan import apply as apply_plan
from slipway.preview.preview import policy_packs
from slipway.pulumi.project import Project


def apply(
    plan: Annotated[
        Path, typer.Option("--plan", help="Plan of the stack, written by `slipway preview --save-plan`.")
    ],
    cwd: Directory = HERE,
    as_json: Json = False,
    policy_pack: PolicyPacks = None,
) -> None:
    """Update a stack exactly as its reviewed plan says, without confirmation.

    A plan is out of date when the program, the configuration, the stack's state or the cluster has changed
    since its preview. Then this command changes nothing.

    Exit code: 0 applied, 1 refused or failed.
    """
    project = Project(cwd)
    stack = project.stack(Plan.load(plan).stack)
    packs = policy_packs(project, policy_pack)
    with Console(stderr=True).status(f"Applying the plan to {stack.name} …"):
        updated = apply_plan(plan, stack, packs)
    counts = {op: number for op, number in updated.counts.items() if number}
    if as_json:
        print_json({"stack": stack.name, "applied": True, "resources": counts})
    else:
        resources = ", ".join(f"{number} {op}" for op, number in counts.items())
        Console(highlight=False).print(f"Applied to {stack.name}: {resources}")
