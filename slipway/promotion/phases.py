"""The phases of a promotion: preview, update, verify, roll back.

Each phase can be interrupted and repeated. The receipt in the cluster has the phase, and a repeated phase
gives the same result wherever the last attempt stopped.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slipway import interrupts
from slipway.errors import PromotionInProgress, SlipwayError
from slipway.images.references import Image
from slipway.models.gate import Gate
from slipway.preview.fingerprint import Fingerprint
from slipway.preview.plan import without_generated_secrets
from slipway.preview.preview import PreviewOptions, policy_packs, preview
from slipway.preview.report.model import Report
from slipway.promotion.lease import Lease
from slipway.promotion.options import PromotionOptions, VerifyOptions
from slipway.promotion.receipts import Outcome, Phase, Receipt
from slipway.promotion.verification import Target, verify
from slipway.pulumi.stack_snapshot import MODEL, StackSnapshot


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
        self.original_file = target.file.text()

    @property
    def image(self) -> Image:
        """The image that is promoted."""
        return Image.parse(self.lease.receipt.image)

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
            except SlipwayError as error:
                self._stop(str(error))
                raise
            except OSError as error:  # a read-only checkout, or a full disk
                self._stop(str(error))
                raise SlipwayError(str(error)) from error
            finally:
                self.target.file.undo_rewriting(self.original_file)
        return self.lease.receipt

    def _promote(self) -> None:
        resumed = self.lease.receipt.phase is not Phase.PREVIEWING
        if not resumed:
            self._compare_models()
        self.target.file.set_image(str(self.image))
        if self.options.pull_request and not resumed:
            self.lease.close(Outcome.PROPOSED, "the stack file is changed; merging it applies the change")
            return
        with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
            plan = Path(directory, "plan.json")
            fingerprint = Fingerprint.from_snapshot(self.target, self.image)
            packs = policy_packs(self.target.stack.project, None)
            self.prompter.show_report(self._preview(plan, packs))
            if not resumed and not self.prompter.confirm(f"Apply this to {self.target.name}?"):
                self._restore_file()
                self.lease.close(Outcome.ABANDONED, "declined")
                return
            interrupts.check()
            fingerprint.check_unchanged(self.target.reload(), self.image)
            self.lease.record(phase=Phase.APPLYING, plan=hashlib.sha256(plan.read_bytes()).hexdigest())
            failure = self._update(plan, packs)
        interrupts.check()
        failure = failure or self._verify(self.image, self.options.verify)
        if not failure:
            self.lease.close(Outcome.VERIFIED)
        elif self.lease.receipt.previous is None or not self.options.roll_back:
            self.lease.close(Outcome.FAILED, failure)
        else:
            self._roll_back(failure)

    def _compare_models(self) -> None:
        """Compare a model with the one that it replaces; SlipwayError if it must not replace that."""
        receipt = self.lease.receipt
        if receipt.setting != MODEL or receipt.kind != "promotion" or receipt.previous is None:
            return
        champion = Image.parse(receipt.previous)
        serving = self._checked(champion).workloads()
        if not serving:
            raise SlipwayError(f"no workload of {self.target.name} serves {champion}: `slipway recover`")
        self.prompter.info(f"Comparing {self.image} with {champion}…")
        gate = Gate(self.target.cluster, serving[0], champion, self.image, self.options.gate)
        results = gate.run(self.prompter.info)
        interrupts.check()
        self.lease.record(checks=tuple(results))
        if not results[-1].passed:
            raise SlipwayError(f"the model is refused, and nothing was changed: {results[-1].detail}")

    def _checked(self, image: Image) -> Target:
        snapshot = self.target.reload()
        return Target(snapshot.name, snapshot.cluster, tuple(snapshot.objects), image, self.prompter.info)

    def _preview(self, plan: Path, packs: Sequence[Path]) -> Report:
        self.prompter.info(f"Previewing {self.target.name}…")
        stack = self.target.stack
        result = preview(stack, PreviewOptions(policy_packs=packs), save_plan=plan)
        result.run.check(f"the preview of {stack.name} failed")
        plan.write_text(json.dumps(without_generated_secrets(json.loads(plan.read_text()))))
        return Report(stacks=(result.report,))

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

    def _verify(self, image: Image, options: VerifyOptions) -> str:
        """Run the checks, and return the reason of a failure."""
        if self.lease.receipt.phase is not Phase.ROLLING_BACK:
            self.lease.record(phase=Phase.VERIFYING)
        results = verify(self._checked(image), options)
        interrupts.check()  # Ctrl-C also kills the process of a check, which does not make the version bad
        soak_s = options.soak_s if results[-1].passed else 0.0
        self.lease.record(checks=(*self.lease.receipt.checks, *results), soak_s=soak_s)
        return "" if results[-1].passed else f"{results[-1].name}: {results[-1].detail}"

    def _roll_back(self, reason: str) -> None:
        """Update the stack to the previous version, and verify it."""
        self.prompter.info(f"✗ {reason}\nRolling {self.target.name} back to its previous version…")
        self.lease.record(phase=Phase.ROLLING_BACK, reason=reason)
        previous = Image.parse(self.lease.receipt.previous or "")
        self.target.file.set_image(self.lease.receipt.previous_setting or str(previous))
        failure = self._update(None) or self._verify(previous, self.options.verify.without_soak())
        if failure:
            self.lease.close(Outcome.FAILED, f"{reason}; the rollback failed too: {failure}")
        else:
            self.lease.close(Outcome.ROLLED_BACK, reason)

    def _restore_file(self) -> None:
        self.target.file.set_image(self.lease.receipt.previous_setting)

    def _stop(self, reason: str) -> None:
        """Close a promotion that has not changed the stack; leave another for the next command to resume."""
        if self.lease.closed:
            return
        if self.lease.receipt.phase is Phase.PREVIEWING:
            self._restore_file()
            self.lease.close(Outcome.ABANDONED, reason)
        else:
            self.lease.release()
            self.prompter.info(
                f"Stopped while {self.lease.receipt.phase}. Run the same command again, or"
                f" `slipway recover {self.target.name}`, to continue."
            )
