"""Moving a version to a stack: seen, applied as it was seen, verified, or rolled back.

Every step can be interrupted and done again: the receipt in the cluster says which was under way, and each
leads to the same end from wherever the last attempt at it stopped.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from slipway import interrupts
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.preview import plan as plans
from slipway.preview.fingerprint import Fingerprint
from slipway.preview.preview import PreviewOptions, policy_packs, preview
from slipway.preview.report.model import Report
from slipway.promotion import verification as checks
from slipway.promotion.lease import Busy, Lease
from slipway.promotion.receipts import Outcome, Phase, Receipt
from slipway.pulumi.events import read
from slipway.pulumi.failures import explained
from slipway.pulumi.snapshot import StackSnapshot


@dataclass(frozen=True)
class Prompter:
    """How the promotion speaks with whoever runs it."""

    tell: Callable[[str], None]
    show: Callable[[Report], None]
    """Shows what an update will do, its consequences first."""
    agree: Callable[[str], bool]
    """Asks a question that is answered by yes or no."""


@dataclass(frozen=True)
class PromotionOptions:
    """What the user asked for."""

    wanted: checks.VerifyOptions = field(default_factory=checks.VerifyOptions)
    pull_request: bool = False
    roll_back: bool = True


class Promotion:
    """One version on its way to one stack, with an open receipt."""

    def __init__(self, target: StackSnapshot, work: Lease, terms: PromotionOptions, talk: Prompter) -> None:
        """Work on an open receipt."""
        self.target = target
        self.work = work
        self.terms = terms
        self.talk = talk
        self.before = target.file.text()

    @property
    def image(self) -> Image:
        """The version that is moved."""
        return Image.parse(self.work.receipt.image)

    def run(self) -> Receipt:
        """Go from where the receipt stands to its end, and return it closed."""
        with self.work.renewed():
            try:
                if self.work.receipt.phase is Phase.ROLLING_BACK:
                    self._roll_back(self.work.receipt.reason)
                else:
                    self._forward()
            except Busy:
                raise  # it belongs to another process now, which must not be disturbed
            except SlipwayError as error:
                self._stop(str(error))
                raise
            finally:
                self.target.file.undo_rewriting(self.before)
        return self.work.receipt

    def _forward(self) -> None:
        applied_before = self.work.receipt.phase is not Phase.PREVIEWING
        self.target.file.set_image(str(self.image))
        if self.terms.pull_request and not applied_before:
            self.work.close(Outcome.PROPOSED, "left to whoever applies on merge")
            return
        with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
            plan = Path(directory, "plan.json")
            seen = Fingerprint.from_snapshot(self.target, self.image)
            report = self._preview(plan)
            if not self._agreed(report, applied_before):
                self._undo_file()
                self.work.close(Outcome.ABANDONED, "declined")
                return
            interrupts.check()
            seen.check_unchanged(self.target.reload(), self.image)
            self.work.record(phase=Phase.APPLYING, plan=hashlib.sha256(plan.read_bytes()).hexdigest())
            failure = self._apply(plan)
        interrupts.check()
        if not failure:
            failure = self._verify(self.image, self.terms.wanted)
        if failure:
            self._failed(failure)
        else:
            self.work.close(Outcome.VERIFIED)

    def _preview(self, plan: Path) -> Report:
        self.talk.tell(f"Previewing {self.target.name}…")
        stack = self.target.stack
        found = preview(stack, PreviewOptions(policy_packs=policy_packs(stack.project, None)), save_plan=plan)
        if found.run.succeeded:
            engine = plans.without_generated_secrets(json.loads(plan.read_text()))
            plan.write_text(json.dumps(engine))
            return Report(stacks=(found.report,))
        raise SlipwayError(f"{stack.name} cannot be previewed: {explained(found.run, found.events)}")

    def _agreed(self, report: Report, applied_before: bool) -> bool:
        self.talk.show(report)
        return applied_before or self.talk.agree(f"Apply this to {self.target.name}?")

    def _apply(self, plan: Path | None) -> str:
        """Have the engine do it; return why it failed."""
        self.talk.tell(f"Updating {self.target.name}…")
        message = f"{self.work.receipt.kind} #{self.work.receipt.number} from {self.work.receipt.source}"
        run = self.target.stack.up(plan=plan, message=message)
        interrupts.check()
        return "" if run.succeeded else f"the update failed: {explained(run, read(run.events))}"

    def _verify(self, image: Image, wanted: checks.VerifyOptions) -> str:
        """Make the checks; return why they failed."""
        self.work.enter(
            self.work.receipt.phase if self.work.receipt.phase is Phase.ROLLING_BACK else Phase.VERIFYING
        )
        side = self.target.reload()
        target = checks.Target(side.name, side.cluster, tuple(side.objects), image, self.talk.tell)
        results = checks.verify(target, wanted)
        interrupts.check()  # which a check's own process may have died of: that says nothing of the version
        soak_s = wanted.soak_s if results[-1].passed else 0.0
        self.work.record(checks=(*self.work.receipt.checks, *results), soak_s=soak_s)
        return "" if results[-1].passed else f"{results[-1].name}: {results[-1].detail}"

    def _failed(self, reason: str) -> None:
        if self.work.receipt.previous is None or not self.terms.roll_back:
            self.work.close(Outcome.FAILED, reason)
        else:
            self._roll_back(reason)

    def _roll_back(self, reason: str) -> None:
        """Bring the version from before back, and prove that it serves."""
        self.talk.tell(f"✗ {reason}\nRolling back to what {self.target.name} ran before…")
        self.work.record(phase=Phase.ROLLING_BACK, reason=reason)
        previous = Image.parse(self.work.receipt.previous or "")
        setting = self.work.receipt.previous_setting
        self.target.file.set_image(setting or str(previous))
        failure = self._apply(None)
        if not failure:
            failure = self._verify(previous, checks.without_soak(self.terms.wanted))
        if failure:
            self.work.close(Outcome.FAILED, f"{reason}; rolling back failed as well: {failure}")
        else:
            self.work.close(Outcome.ROLLED_BACK, reason)

    def _undo_file(self) -> None:
        self.target.file.set_image(self.work.receipt.previous_setting)

    def _stop(self, reason: str) -> None:
        """Leave things so that the same command can go on: before the update as if nothing had been."""
        if self.work.closed:
            return
        if self.work.receipt.phase is Phase.PREVIEWING:
            self._undo_file()
            self.work.close(Outcome.ABANDONED, reason)
        else:
            self.work.release()
            self.talk.tell(
                f"Stopped while {self.work.receipt.phase}. The same command goes on with it;"
                f" `slipway recover {self.target.name}` does too."
            )
