"""`slipway recover`: after a crash, one command to what the stack should be."""

import json
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.options import HERE, Directory, Json
from slipway.cli.promote import Yes, console, prompter
from slipway.errors import SlipwayError
from slipway.promotion import promote as flow
from slipway.promotion.lease import Lease, unfinished
from slipway.promotion.owner import Owner
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
        work = unfinished(side.receipts, Owner.me(who()), talk.tell)
        found = _found(side, work)
        for text in found or ["nothing is known to be broken; state and cluster will be compared"]:
            talk.tell(text)
        if not talk.agree(f"Recover {stack}?"):
            if work:
                work.release()
            return
        side = repair(side, talk.tell, force_unlock)
        if up:
            side = settle(side, talk.tell)
        outcome = _finished(side, work, up, talk)
    if as_json:
        print(json.dumps({"stack": stack, "found": found, "outcome": outcome}, indent=2))
    console.print(f"{stack}: {outcome}", highlight=False)


def _found(side: StackSnapshot, work: Lease | None) -> list[str]:
    found = look(side).told()
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
        side.file.set_image(work.receipt.previous_setting)
        work.close(Outcome.ABANDONED, "interrupted")
    elif work:
        receipt = flow.resume(side, work, True, PromotionOptions(), talk)
        if receipt.outcome is Outcome.FAILED:
            raise SlipwayError(f"promotion #{receipt.number} failed: {receipt.reason}")
        return f"promotion #{receipt.number} ended: {receipt.outcome}"
    if not up:
        return "mended; the update was not run"
    talk.tell(f"Updating {side.name}…")
    before = side.file.text()
    run = side.stack.up(message="recover")
    side.file.undo_rewriting(before)
    if not run.succeeded:
        raise SlipwayError(f"{side.name} is mended, but its update fails: {explained(run, read(run.events))}")
    return "runs what its program and file say"
