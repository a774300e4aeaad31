"""A promotion that a dead process left open."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.promotion import promote as flow
from slipway.promotion.lease import Lease
from slipway.promotion.options import PromotionOptions
from slipway.promotion.phases import Promotion, Prompter
from slipway.promotion.receipts import Outcome, Phase, Receipt
from slipway.pulumi.project import Stack
from slipway.pulumi.stack_snapshot import StackSnapshot, stack_file

OLD, NEW = (f"registry:5000/hits:v{digit}@sha256:{digit * 64}" for digit in "12")
FILE = f"config:\n  hits:image: {OLD}  # what runs\n"
PROMPTER = Prompter(lambda text: None, lambda report: None, lambda question: True)


class FakeLease:
    """A lease that keeps its receipt in memory."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt

    def record(self, **changes: Any) -> None:
        self.receipt = self.receipt.model_copy(update=changes)

    def close(self, outcome: Outcome, reason: str = "") -> None:
        self.record(outcome=outcome, reason=reason)


def killed(directory: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> tuple[StackSnapshot, FakeLease]:
    """Begin a promotion, and leave what remains when it is killed while pulumi runs."""
    path = directory / "Pulumi.prod.yaml"
    path.write_text(before)
    stack = SimpleNamespace(file=path, project=SimpleNamespace(name="hits"))
    file = stack_file(cast(Stack, stack))
    target = SimpleNamespace(name="prod", project="hits", setting="image", image=OLD, file=file)
    target.promoting = lambda setting: target
    target.receipts = None
    monkeypatch.setattr(flow, "open_receipt", lambda receipts, receipt, owner: FakeLease(receipt))
    candidate = flow.Candidate(cast(Any, NEW), "promotion", "dev", "")
    snapshot = cast(StackSnapshot, target)
    begun = flow.begin(snapshot, candidate, PromotionOptions(), PROMPTER)
    begun._write()
    file.write(file.text().removesuffix("encryptionsalt: v1:own\n") + "encryptionsalt: v1:abc\n")
    return snapshot, cast(FakeLease, begun.lease)


def test_the_salt_of_a_killed_preview_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, lease = killed(tmp_path, monkeypatch, FILE)
    flow.abandon(target, cast(Lease, lease))
    assert target.file.text() == FILE
    assert lease.receipt.outcome is Outcome.ABANDONED


def test_the_salt_of_a_killed_update_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, lease = killed(tmp_path, monkeypatch, FILE)
    lease.record(phase=Phase.APPLYING)
    monkeypatch.setattr(Promotion, "run", lambda self: self.lease.receipt)
    flow.resume(target, cast(Lease, lease), True, PromotionOptions(), PROMPTER)
    assert target.file.text() == FILE.replace(OLD, NEW)


def test_a_salt_of_before_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, lease = killed(tmp_path, monkeypatch, f"{FILE}encryptionsalt: v1:own\n")
    flow.abandon(target, cast(Lease, lease))
    assert target.file.text() == f"{FILE}encryptionsalt: v1:abc\n"
