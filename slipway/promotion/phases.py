"""The phases of a promotion: preview, canary of a model, update, verify, roll back.

Each phase can be interrupted and repeated. The receipt in the cluster has the phase, and a repeated phase
gives the same result wherever the last attempt stopped.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

from slipway import interrupts
from slipway.errors import Interrupted, PromotionInProgress, SlipwayError
from slipway.images.references import Image
from slipway.models.gate import Gate
from slipway.models.watch import Watch
from slipway.preview.fingerprint import Fingerprint
from slipway.preview.plan import without_generated_secrets
from slipway.preview.preview import Preview, PreviewOptions, policy_packs, preview
from slipway.preview.report.model import Report
from slipway.promotion import canary
from slipway.promotion.lease import Lease
from slipway.promotion.options import CanaryOptions, PromotionOptions, VerifyOptions
from slipway.promotion.receipts import CheckResult, Outcome, Phase, Receipt
from slipway.promotion.verification import Target, verify
from slipway.pulumi.stack_snapshot import CANARY, MODEL, StackSnapshot

P = ParamSpec("P")


@dataclass(frozen=True)
class Prompter:
    """The interface to the user of a promotion."""

    info: Callable[[str], None]
    """Print a message."""
    show_report: Callable[[Report], None]
    """Print the report of a preview."""
    confirm: Callable[[str], bool]
    """Ask a yes-or-no question."""


class Promotion:
    """A promotion of a version to a stack, with an open receipt."""

    def __init__(
        self, target: StackSnapshot, lease: Lease, options: PromotionOptions, prompter: Prompter
    ) -> None:
        """Work on the receipt of the lease."""
        self.target = target
        self.lease = lease
        self.options = options
        self.prompter = prompter

    @property
    def images(self) -> list[Image]:
        """The image or model that is promoted; the image and the model, if both are."""
        return [Image.parse(change.image) for change in self.lease.receipt.changes]

    def run(self) -> Receipt:
        """Run the phases from the receipt's phase on, and return the closed receipt."""
        with self.lease.heartbeat():
            try:
                if self.lease.receipt.phase is Phase.ROLLING_BACK:
                    self._roll_back(self.lease.receipt.reason)
                else:
                    self._promote()
            except PromotionInProgress:
                raise  # another process owns the receipt, and must not be disturbed
            except Exception as error:  # also a fault of this program must not leave the lease held
                self._stop(str(error) or repr(error))
                if isinstance(error, OSError):  # a read-only checkout, or a full disk
                    raise SlipwayError(str(error)) from error
                raise
        return self.lease.receipt

    def _promote(self) -> None:
        phase = self.lease.receipt.phase
        ask = phase is Phase.PREVIEWING
        if ask:
            self._compare_models()
        if self.options.canary and phase in (Phase.PREVIEWING, Phase.CANARY):
            if not self._try_canary(self.options.canary, ask):
                return
            ask, self.target = False, self.target.reload()
        self._write()
        if self.options.pull_request and ask:
            self.lease.close(Outcome.PROPOSED, "the stack file is changed; merging it applies the change")
            return
        question = f"Apply this to {self.target.name}?" if ask else ""
        failure = self._apply(Phase.APPLYING, question)
        if failure is None:
            return
        failure = failure or self._attempt(self._verify, self.images, self.options.verify)
        if not failure:
            self.lease.close(Outcome.VERIFIED)
        elif self.lease.receipt.previous is None or not self.options.roll_back:
            self.lease.close(Outcome.FAILED, failure)
        else:
            self._roll_back(failure)

    @staticmethod
    def _attempt(check: Callable[P, str], *args: P.args, **kwargs: P.kwargs) -> str:
        """Check a version, and return the reason of a failure: what cannot be checked has failed."""
        try:
            return check(*args, **kwargs)
        except (Interrupted, PromotionInProgress):
            raise
        except Exception as error:
            interrupts.check()  # Ctrl-C also kills the process of a check
            return str(error) or repr(error)

    def _write(self, canary: str | None = None) -> None:
        """Write what is promoted into the stack file, or a canary of it."""
        receipt, project = self.lease.receipt, self.target.project
        values: dict[str, str | None] = {
            f"{project}:{change.setting}": change.previous_setting if canary else change.image
            for change in receipt.changes
        }
        if self.options.canary:
            values[f"{project}:{CANARY}"] = canary
        self.target.file.change(values)

    def _apply(self, phase: Phase, question: str) -> str | None:
        """Preview the stack file, ask, and update the stack by the preview.

        Returns the reason of a failure, an empty text, or None if the user declined.
        """
        with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
            plan = Path(directory, "plan.json")
            fingerprint = Fingerprint.from_snapshot(self.target, *self.images)
            packs = policy_packs(self.target.stack.project, None)
            result = self._preview(plan, packs)
            if phase is Phase.CANARY and not result.run.summary.changes:
                raise SlipwayError(
                    f"the program makes nothing of {self.target.project}:{CANARY} in the stack file: give it"
                    " to its ModelService, as examples/digits does"
                )
            self.prompter.show_report(Report(stacks=(result.report,)))
            if question and not self.prompter.confirm(question):
                restore_file(self.target, self.lease.receipt)
                self.lease.close(Outcome.ABANDONED, "declined")
                return None
            interrupts.check()
            fingerprint.check_unchanged(self.target.reload(), *self.images)
            self.lease.record(phase=phase, plan=hashlib.sha256(plan.read_bytes()).hexdigest())
            failure = self._update(plan, packs)
        interrupts.check()
        return failure

    def _try_canary(self, options: CanaryOptions, ask: bool) -> bool:
        """Let the model serve more and more pods; return whether it may serve all, else it is rolled back."""
        [image] = self.images
        for share in options.shares:
            self.prompter.info(f"Canary: {_step(share)} of {self.target.name}…")
            self._write(canary.entry(image, share))
            if ask:
                steps = ", ".join(map(_step, options.shares))
                failure = self._apply(Phase.CANARY, f"Begin a canary ({steps}, then all pods)?")
                if failure is None:
                    return False
            else:
                failure = self._update(None, policy_packs(self.target.stack.project, None))
            ask = False
            if failure := failure or self._attempt(self._watch, image, share, options):
                self._roll_back(failure)
                return False
        return True

    def _watch(self, image: Image, share: int, options: CanaryOptions) -> str:
        """Watch a step of a canary, and return the reason of a failure."""
        champion = Image.parse(self.lease.receipt.previous or "")
        step = canary.Step(self._checked(champion), self._checked(image), share, options)
        results = step.run(self.prompter.info)
        self.lease.record(checks=(*self.lease.receipt.checks, *results))
        return "" if results[-1].passed else f"{results[-1].name}: {results[-1].detail}"

    def _compare_models(self) -> None:
        """Compare a model with the one that it replaces; SlipwayError if it must not replace that."""
        receipt = self.lease.receipt.about(MODEL)
        if receipt is None or receipt.kind != "promotion" or receipt.previous is None:
            return
        champion, challenger = Image.parse(receipt.previous), Image.parse(receipt.image)
        serving = canary.serving(self._checked(champion), canary=False)
        if self.options.canary:
            Watch(self.target.cluster, serving).begin()  # an error here changes nothing
        self.prompter.info(f"Comparing {challenger} with {champion}…")
        server = self.lease.receipt.image if self.lease.receipt.companion else None
        gate = Gate(self.target.cluster, serving, champion, challenger, self.options.gate, server)
        results = gate.run(self.prompter.info)
        interrupts.check()
        self.lease.record(checks=tuple(results))
        if not results[-1].passed:
            raise SlipwayError(f"the model is refused, and nothing was changed: {results[-1].detail}")

    def _checked(self, image: Image) -> Target:
        snapshot = self.target.reload()
        return Target(snapshot.name, snapshot.cluster, tuple(snapshot.objects), image, self.prompter.info)

    def _preview(self, plan: Path, packs: Sequence[Path]) -> Preview:
        self.prompter.info(f"Previewing {self.target.name}…")
        stack = self.target.stack
        result = preview(stack, PreviewOptions(policy_packs=packs), save_plan=plan)
        result.run.check(f"the preview of {stack.name} failed")
        plan.write_text(json.dumps(without_generated_secrets(json.loads(plan.read_text()))))
        return result

    def _update(self, plan: Path | None, packs: Sequence[Path] = ()) -> str:
        """Update the stack, and return the reason of a failure.

        A rollback has no policy packs: a policy must not keep a bad version running.
        """
        self.prompter.info(f"Updating {self.target.name}…")
        receipt = self.lease.receipt
        message = f"{receipt.kind} #{receipt.number} from {receipt.source}"
        run = self.target.stack.up(plan=plan, policy_packs=packs, message=message)
        interrupts.check()
        return "" if run.succeeded else f"the update failed: {run.failure_reason}"

    def _verify(self, images: Sequence[Image], options: VerifyOptions) -> str:
        """Run the checks, and return the reason of a failure.

        A model that is promoted together with an image has to answer its sample row; other checks are for
        both at once.
        """
        if self.lease.receipt.phase is not Phase.ROLLING_BACK:
            self.lease.record(phase=Phase.VERIFYING)
        results: list[CheckResult] = []
        soak_s = options.soak_s
        for image in images:
            results += verify(self._checked(image), options)
            interrupts.check()  # Ctrl-C also kills the process of a check, which does not make a version bad
            if not results[-1].passed:
                break
            options = VerifyOptions(host=self.options.verify.host).for_model()
        soak_s = soak_s if results[-1].passed else 0.0
        self.lease.record(checks=(*self.lease.receipt.checks, *results), soak_s=soak_s)
        return "" if results[-1].passed else f"{results[-1].name}: {results[-1].detail}"

    def _roll_back(self, reason: str) -> None:
        """Update the stack to the previous version, and verify it."""
        self.prompter.info(f"✗ {reason}\nRolling {self.target.name} back to its previous version…")
        self.lease.record(phase=Phase.ROLLING_BACK, reason=reason)
        restore_file(self.target, self.lease.receipt, deployed=True)
        previous = [Image.parse(item.previous) for item in self.lease.receipt.changes if item.previous]
        checks = self.options.verify.without_soak()
        failure = self._update(None) or self._attempt(self._verify, previous, checks)
        if failure:
            self.lease.close(Outcome.FAILED, f"{reason}; the rollback failed too: {failure}")
        else:
            self.lease.close(Outcome.ROLLED_BACK, reason)

    def _stop(self, reason: str) -> None:
        """Close a promotion that has not changed the stack; leave another for the next command to resume."""
        if self.lease.closed:
            return
        if self.lease.receipt.phase is Phase.PREVIEWING:
            restore_file(self.target, self.lease.receipt)
            self.lease.close(Outcome.ABANDONED, reason)
        else:
            self.lease.release()
            self.prompter.info(
                f"Stopped while {self.lease.receipt.phase}. Run the same command again, or"
                f" `slipway recover {self.target.name}`, to continue."
            )


def _step(share: int) -> str:
    return f"{share} % of the pods" if share else "copies of the requests"


def restore_file(target: StackSnapshot, receipt: Receipt, *, deployed: bool = False) -> None:
    """Restore what a promotion has changed in a stack file.

    A stack file without an image gets the image that was `deployed` before, if that is to be deployed again.
    """
    values = {
        f"{target.project}:{change.setting}": change.previous_setting
        or (change.previous if deployed else None)
        for change in receipt.changes
    }
    if receipt.options and receipt.options.canary:
        values[f"{target.project}:{CANARY}"] = None
    target.file.change(values)
