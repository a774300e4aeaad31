"""`slipway recover`: after a crash, one command to what the stack should be."""

import json
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.options import HERE, Directory, Json
from slipway.cli.promote import Yes, console, prompter
from slipway.errors import SlipwayError
from slipway.promotion import promote as flow
from slipway.promotion.lease import Lease, take_over
from slipway.promotion.phases import PromotionOptions, Prompter
from slipway.promotion.receipts import Outcome, Owner, Phase
from slipway.pulumi.events import summarise
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot, current_user
from slipway.pulumi.updates import failure_reason
from slipway.recovery.drift import FORCE_PATCH
from slipway.recovery.renames import repair_renames
from slipway.recovery.repair import find_damage, repair


def recover(
    stack: Annotated[str, typer.Argument(help="The stack whose update, destroy or promotion was killed.")],
    yes: Yes = False,
    force_unlock: Annotated[
        bool, typer.Option("--force-unlock", help="Remove a lock of which nobody knows whether it is in use.")
    ] = False,
    up: Annotated[bool, typer.Option("--up/--no-up", help="Whether to finish the update as well.")] = True,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Repair what a killed or failed operation left of a stack, and make it what its program and file say.

    Removes a lock whose process is gone, ends plugins that were left behind, takes what was created but not
    written down into the state, reads the rest from the cluster, gives the objects of renamed resources to
    the new names, and ends an open promotion. After a killed destroy: --no-up, then `pulumi destroy`.
    Exit code: 0 when the stack is well.
    """
    with interrupts.deferred():
        side = StackSnapshot.read(Project(cwd, FORCE_PATCH), stack)
        talk = prompter(yes)
        work = take_over(side.receipts, Owner.this_process(current_user()), talk.info)
        found = _found(side, work)
        for text in found or ["nothing is known to be broken; state and cluster will be compared"]:
            talk.info(text)
        if not talk.confirm(f"Recover {stack}?"):
            if work:
                work.release()
            return
        side = repair(side, talk.info, force_unlock)
        if up:
            side = repair_renames(side, talk.info)
        outcome = _finished(side, work, up, talk)
    if as_json:
        print(json.dumps({"stack": stack, "found": found, "outcome": outcome}, indent=2))
    console.print(f"{stack}: {outcome}", highlight=False)


def _found(side: StackSnapshot, work: Lease | None) -> list[str]:
    found = find_damage(side).describe()
    if work:
        receipt = work.receipt
        end = "rolled back" if receipt.phase in (Phase.PREVIEWING, Phase.ROLLING_BACK) else "finished"
        found.append(
            f"promotion #{receipt.number} of {receipt.image}, stopped while {receipt.phase}: will be {end}"
        )
    return found


def _finished(side: StackSnapshot, work: Lease | None, up: bool, talk: Prompter) -> str:
    """Bring the stack to what it should be; say what that was."""
    if work and work.receipt.phase is Phase.PREVIEWING:
        flow.abandon(side, work)
    elif work:
        receipt = flow.resume(side, work, True, PromotionOptions(), talk)
        if receipt.outcome is Outcome.FAILED:
            raise SlipwayError(f"promotion #{receipt.number} failed: {receipt.reason}")
        return f"promotion #{receipt.number} ended: {receipt.outcome}"
    if not up:
        return "repaired; the update was not run"
    talk.info(f"Updating {side.name}…")
    before = side.file.text()
    run = side.stack.up(message="recover")
    side.file.undo_rewriting(before)
    if not run.succeeded:
        raise SlipwayError(
            f"{side.name} is repaired, but its update fails: {failure_reason(run, summarise(run.events))}"
        )
    return "runs what its program and file say"
