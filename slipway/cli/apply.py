"""`slipway apply`: what was reviewed, exactly, or nothing."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from slipway.cli.options import HERE, Directory, Json, Plan
from slipway.preview import plan as plans
from slipway.preview.preview import policy_packs
from slipway.pulumi.events import summarise
from slipway.pulumi.project import Project


def apply(
    plan: Plan,
    cwd: Directory = HERE,
    as_json: Json = False,
    policy_pack: Annotated[
        list[Path] | None,
        typer.Option(help="Directory of a policy pack; default: policy/ of the project, if there is one."),
    ] = None,
) -> None:
    """Update a stack exactly as a plan says that was reviewed.

    Refused, with nothing touched, when the program, the configuration, the stack's state or the cluster has
    changed since the plan was made. Does not ask. Exit code: 0 applied, 1 refused or failed.
    """
    project = Project(cwd)
    stack = project.stack(plans.Plan.load(plan).stack)
    packs = policy_packs(project, policy_pack)
    with Console(stderr=True).status(f"Applying the plan to {stack.name} …"):
        told = summarise(plans.apply(plan, stack, packs).events)
    counts = {op: number for op, number in told.counts.items() if number}
    if as_json:
        print(json.dumps({"stack": stack.name, "applied": True, "resources": counts}))
    else:
        done = ", ".join(f"{number} {op}" for op, number in counts.items())
        Console(highlight=False).print(f"Applied to {stack.name}: {done}")
