"""The phases of a promotion, and the policy pack of every command that updates a stack."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.cli import drift as drift_command
from slipway.cli import recover as recover_command
from slipway.errors import Interrupted, PromotionInProgress, SlipwayError
from slipway.promotion import phases
from slipway.promotion.lease import Lease
from slipway.promotion.options import CanaryOptions, PromotionOptions
from slipway.promotion.phases import Promotion, Prompter
from slipway.promotion.receipts import Outcome, Phase, Receipt, now
from slipway.pulumi.operations import Run
from slipway.pulumi.stack_snapshot import StackSnapshot

IMAGE = f"registry:5000/hits@sha256:{'a' * 64}"
OLD = f"registry:5000/hits@sha256:{'b' * 64}"


class FakeStack:
    """A stack that records the policy packs of its updates."""

    name = "prod"

    def __init__(self, directory: Path) -> None:
        self.project = SimpleNamespace(directory=directory)
        self.file = directory / "Pulumi.prod.yaml"
        self.packs: list[Sequence[Path]] = []

    def up(self, *, policy_packs: Sequence[Path] = (), **_: Any) -> Run:
        self.packs.append(policy_packs)
        return Run([])


class FakeLease:
    """A lease that keeps its receipt in memory."""

    closed = False

    def __init__(self) -> None:
        self.receipt = Receipt(
            number=1, stack="prod", source="dev", image=IMAGE, previous=OLD, who="me", started=now()
        )

    def record(self, **changes: Any) -> None:
        self.receipt = self.receipt.model_copy(update=changes)

    @contextmanager
    def heartbeat(self) -> Iterator[None]:
        yield

    def close(self, outcome: Outcome, reason: str = "") -> None:
        self.record(outcome=outcome, reason=reason)


@pytest.fixture
def stack(tmp_path: Path) -> FakeStack:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/PulumiPolicy.yaml").write_text("runtime: python")
    return FakeStack(tmp_path)


PROMPTER = Prompter(lambda text: None, lambda report: None, lambda question: True)


def test_drift_fix(stack: FakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_command, "Project", lambda *_: SimpleNamespace(stack=lambda name: stack))
    monkeypatch.setattr(drift_command, "differences", lambda stack: ["a difference"])
    drift_command.drift("prod", fix=True, yes=True)
    assert stack.packs == [[stack.project.directory / "policy"]]


def test_recover(stack: FakeStack) -> None:
    snapshot = cast(StackSnapshot, SimpleNamespace(stack=stack, name="prod"))
    recover_command._finish(snapshot, None, True, PROMPTER)
    assert stack.packs == [[stack.project.directory / "policy"]]


@pytest.mark.parametrize("verified", [True, False])
def test_promote(stack: FakeStack, monkeypatch: pytest.MonkeyPatch, verified: bool) -> None:
    """A promotion has the policy pack; its rollback does not, so that a policy cannot prevent it."""

    def preview(stack: FakeStack, options: Any, save_plan: Path) -> Any:
        save_plan.write_text("{}")
        return SimpleNamespace(run=Run([]), report=None)

    fingerprint = SimpleNamespace(check_unchanged=lambda *_: None)
    monkeypatch.setattr(phases, "preview", preview)
    monkeypatch.setattr(phases, "Report", lambda stacks: None)
    monkeypatch.setattr(phases, "Fingerprint", SimpleNamespace(from_snapshot=lambda *_: fingerprint))
    results = iter(["" if verified else "http: no", ""])
    monkeypatch.setattr(Promotion, "_verify", lambda *_: next(results))
    file = SimpleNamespace(change=lambda values: None)
    target = SimpleNamespace(stack=stack, name="prod", project="hits", file=file, reload=lambda: None)
    lease = FakeLease()
    promotion = Promotion(cast(StackSnapshot, target), cast(Lease, lease), PromotionOptions(), PROMPTER)
    promotion._promote()
    packs = [[stack.project.directory / "policy"]]
    assert stack.packs == (packs if verified else [*packs, ()])
    assert lease.receipt.phase is (Phase.APPLYING if verified else Phase.ROLLING_BACK)


@pytest.mark.parametrize("error", [Interrupted("interrupted"), RuntimeError("a fault of this program")])
def test_an_error_at_the_question(
    stack: FakeStack, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The stack file never keeps a version that nobody has accepted, whatever ends the promotion."""
    image = {"hits:image": OLD}
    file = SimpleNamespace(change=image.update)
    target = cast(StackSnapshot, SimpleNamespace(stack=stack, name="prod", project="hits", file=file))

    def ask(*_: Any) -> str:
        assert image == {"hits:image": IMAGE}
        raise error

    monkeypatch.setattr(Promotion, "_apply", ask)
    lease = FakeLease()
    lease.record(previous_setting=OLD)
    with pytest.raises(type(error), match=str(error)):
        Promotion(target, cast(Lease, lease), PromotionOptions(), PROMPTER).run()
    assert image == {"hits:image": OLD}
    assert lease.receipt.outcome is Outcome.ABANDONED and lease.receipt.reason == str(error)


def test_read_only_checkout(stack: FakeStack) -> None:
    """An error of the file system closes the receipt, and is an error without a traceback."""
    images: list[str | None] = []

    def change(values: dict[str, str | None]) -> None:
        images.extend(values.values())
        if IMAGE in values.values():
            raise OSError(30, "Read-only file system")

    file = SimpleNamespace(change=change)
    target = cast(StackSnapshot, SimpleNamespace(stack=stack, name="prod", project="hits", file=file))
    lease = FakeLease()
    with pytest.raises(SlipwayError, match="Read-only file system"):
        Promotion(target, cast(Lease, lease), PromotionOptions(), PROMPTER).run()
    assert lease.receipt.outcome is Outcome.ABANDONED and not stack.packs


@pytest.mark.parametrize("step", ["_verify", "_watch"])
def test_a_version_that_cannot_be_checked_is_rolled_back(
    stack: FakeStack, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any) -> Any:
        raise SlipwayError("the state cannot be read")

    reasons: list[str] = []
    monkeypatch.setattr(Promotion, "_checked", fail)
    monkeypatch.setattr(Promotion, "_apply", lambda *_: "")
    monkeypatch.setattr(Promotion, "_compare_models", lambda self: None)
    monkeypatch.setattr(Promotion, "_roll_back", lambda self, reason: reasons.append(reason))
    file = SimpleNamespace(change=lambda values: None)
    target = cast(StackSnapshot, SimpleNamespace(stack=stack, name="prod", project="hits", file=file))
    options = PromotionOptions(canary=CanaryOptions() if step == "_watch" else None)
    Promotion(target, cast(Lease, FakeLease()), options, PROMPTER)._promote()
    assert reasons == ["the state cannot be read"]


@pytest.mark.parametrize("error", [Interrupted("interrupted"), PromotionInProgress("by another process")])
def test_a_check_that_is_stopped_is_no_failure_of_the_version(error: Exception) -> None:
    def stop() -> str:
        raise error

    with pytest.raises(type(error)):
        Promotion._attempt(stop)
