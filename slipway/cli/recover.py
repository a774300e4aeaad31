"""`slipway recover`: repair a stack after a killed operation."""

from collections.abc import Mapping
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.console import info, make_prompter, print_json
from slipway.cli.options import HERE, Directory, Json, Stack, Yes
from slipway.errors import SlipwayError
from slipway.preview.preview import policy_packs
from slipway.process import current_user
from slipway.promotion.lease import Lease, take_over
from slipway.promotion.options import PromotionOptions
from slipway.promotion.owner import Owner
from slipway.promotion.phases import Prompter
from slipway.promotion.promote import abandon, check_command, resume
from slipway.promotion.receipts import Outcome, Phase
from slipway.pulumi.project import ConfigValue, Project
from slipway.pulumi.project import Stack as PulumiStack
from slipway.pulumi.stack_cluster import runs_on_docker
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery import docker
from slipway.recovery.drift import FORCE_PATCH
from slipway.recovery.renames import repair_renames
from slipway.recovery.repair import find_damage, repair


def recover(
    stack: Stack,
    yes: Yes = False,
    force_unlock: Annotated[
        bool, typer.Option("--force-unlock", help="Break the lock even if its owner cannot be checked.")
    ] = False,
    up: Annotated[bool, typer.Option("--up/--no-up", help="Run the update at the end.")] = True,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Repair a stack after a killed or failed operation, then finish its promotion or update.

    - Breaks the lock of a dead process, and ends orphaned plugins.
    - Adds objects that were created, and are not in the state, to the state.
    - Refreshes the other resources from the cluster.
    - Moves the objects of renamed resources to the new names.
    - Finishes an open promotion, or updates the stack.

    After a killed destroy: use --no-up, then run `pulumi destroy`.

    Exit code: 0 repaired, 1 an error.
    """
    with interrupts.deferred():
        project = Project(cwd, FORCE_PATCH)
        prompter = make_prompter(yes)
        if runs_on_docker(project.name, config := project.stack(stack).config()):
            _recover_docker(project.stack(stack), config, prompter, force_unlock, up, as_json)
            return
        snapshot = StackSnapshot.read(project, stack)
        lease = take_over(snapshot.receipts, Owner.this_process(current_user()), prompter.info)
        agreed = False
        try:
            findings = _findings(snapshot, lease)
            for text in findings or ["found no damage; will compare state and cluster"]:
                prompter.info(text)
            agreed = prompter.confirm(f"Recover {stack}?")
        finally:
            if lease and not agreed:  # also after Ctrl-C at the question
                lease.release()
        if not agreed:
            return
        if lease:
            snapshot = snapshot.promoting(lease.receipt.setting)
            if lease.receipt.phase is not Phase.PREVIEWING:
                check_command(lease)
        snapshot = repair(snapshot, prompter.info, force_unlock)
        if up:
            snapshot = repair_renames(snapshot, prompter.info)
        outcome = _finish(snapshot, lease, up, prompter)
    _print(stack, findings, outcome, as_json)


def _print(stack: str, findings: list[str], outcome: str, as_json: bool) -> None:
    if as_json:
        print_json({"stack": stack, "found": findings, "outcome": outcome})
    info(f"{stack}: {outcome}")


def _recover_docker(
    stack: PulumiStack,
    config: Mapping[str, ConfigValue],
    prompter: Prompter,
    force_unlock: bool,
    up: bool,
    as_json: bool,
) -> None:
    """Recover a stack on a Docker engine, which has no receipts."""
    findings = docker.find_remains(stack, config).describe()
    for text in findings or ["found no damage; will compare state and engine"]:
        prompter.info(text)
    if not prompter.confirm(f"Recover {stack.name}?"):
        return
    docker.repair(stack, config, prompter.info, force_unlock)
    outcome = _update(stack, prompter) if up else "repaired, without an update"
    _print(stack.name, findings, outcome, as_json)


def _findings(snapshot: StackSnapshot, lease: Lease | None) -> list[str]:
    findings = find_damage(snapshot).describe()
    if lease:
        receipt = lease.receipt
        end = "rolled back" if receipt.phase in (Phase.PREVIEWING, Phase.ROLLING_BACK) else "finished"
        findings.append(
            f"promotion #{receipt.number} of {receipt.images} stopped in phase {receipt.phase}: will be {end}"
        )
    return findings


def _finish(snapshot: StackSnapshot, lease: Lease | None, up: bool, prompter: Prompter) -> str:
    """Finish the promotion or the update of a repaired stack, and return the outcome."""
    if lease and lease.receipt.phase is Phase.PREVIEWING:
        abandon(snapshot, lease)
    elif lease:
        receipt = resume(snapshot, lease, True, PromotionOptions(), prompter)
        if receipt.outcome is Outcome.FAILED:
            raise SlipwayError(f"promotion #{receipt.number} failed: {receipt.reason}")
        return f"promotion #{receipt.number} ended: {receipt.outcome}"
    if not up:
        return "repaired, without an update"
    return _update(snapshot.stack, prompter)


def _update(stack: PulumiStack, prompter: Prompter) -> str:
    """Update a repaired stack, and return the outcome."""
    prompter.info(f"Updating {stack.name}…")
    run = stack.up(policy_packs=policy_packs(stack.project, None), message="recover")
    run.check(f"{stack.name} is repaired, but its update failed")
    return "repaired and up to date"
