"""`slipway recover`: repair a stack after a killed operation."""

import json
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.console import info, make_prompter
from slipway.cli.options import HERE, Directory, Json, Stack, Yes
from slipway.errors import SlipwayError
from slipway.promotion.lease import Lease, unfinished
from slipway.promotion.owner import Owner
from slipway.promotion.promote import resume
from slipway.promotion.receipts import Outcome, Phase
from slipway.promotion.run import PromotionOptions, Prompter
from slipway.pulumi.events import read
from slipway.pulumi.failures import explained
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot, who
from slipway.recovery.drift import FORCE_PATCH
from slipway.recovery.renames import settle
from slipway.recovery.repair import look, repair


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

    Breaks the lock of a dead process, ends orphaned plugins, adds created but unrecorded objects to the
    state, refreshes the other resources from the cluster, moves the objects of renamed resources to the new
    names, and finishes an open promotion.

    After a killed destroy: use --no-up, then run `pulumi destroy`.

    Exit code: 0 repaired, 1 an error.
    """
    with interrupts.deferred():
        snapshot = StackSnapshot.read(Project(cwd, FORCE_PATCH), stack)
        prompter = make_prompter(yes)
        lease = unfinished(snapshot.receipts, Owner.me(who()), prompter.tell)
        findings = _findings(snapshot, lease)
        for text in findings or ["found no damage; will compare state and cluster"]:
            prompter.tell(text)
        if not prompter.agree(f"Recover {stack}?"):
            if lease:
                lease.release()
            return
        snapshot = repair(snapshot, prompter.tell, force_unlock)
        if up:
            snapshot = settle(snapshot, prompter.tell)
        outcome = _finish(snapshot, lease, up, prompter)
    if as_json:
        print(json.dumps({"stack": stack, "found": findings, "outcome": outcome}, indent=2))
    info(f"{stack}: {outcome}")


def _findings(snapshot: StackSnapshot, lease: Lease | None) -> list[str]:
    findings = look(snapshot).told()
    if lease:
        receipt = lease.receipt
        end = "rolled back" if receipt.phase in (Phase.PREVIEWING, Phase.ROLLING_BACK) else "finished"
        findings.append(
            f"promotion #{receipt.number} of {receipt.image} stopped in phase {receipt.phase}: will be {end}"
        )
    return findings


def _finish(snapshot: StackSnapshot, lease: Lease | None, up: bool, prompter: Prompter) -> str:
    """Finish the promotion or the update of a repaired stack, and return the outcome."""
    if lease and lease.receipt.phase is Phase.PREVIEWING:
        snapshot.file.set_image(lease.receipt.previous_setting)
        lease.close(Outcome.ABANDONED, "interrupted")
    elif lease:
        receipt = resume(snapshot, lease, True, PromotionOptions(), prompter)
        if receipt.outcome is Outcome.FAILED:
            raise SlipwayError(f"promotion #{receipt.number} failed: {receipt.reason}")
        return f"promotion #{receipt.number} ended: {receipt.outcome}"
    if not up:
        return "repaired, without an update"
    prompter.tell(f"Updating {snapshot.name}…")
    before = snapshot.file.text()
    run = snapshot.stack.up(message="recover")
    snapshot.file.undo_rewriting(before)
    if not run.succeeded:
        raise SlipwayError(
            f"{snapshot.name} is repaired, but its update failed: {explained(run, read(run.events))}"
        )
    return "repaired and up to date"
