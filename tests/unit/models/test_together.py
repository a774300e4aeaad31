"""An image and a model in one promotion: their receipt, stack file and gate, and what prune keeps of both."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway import retention
from slipway.cli.history import receipts_table
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.models.gate import comparing_pod
from slipway.promotion import phases
from slipway.promotion import promote as flow
from slipway.promotion.lease import Lease
from slipway.promotion.options import READY, PromotionOptions, VerifyOptions
from slipway.promotion.phases import Promotion, Prompter, restore_file
from slipway.promotion.receipts import CheckResult, Companion, Receipt
from slipway.promotion.verification import Target
from slipway.pulumi.stack_snapshot import IMAGE, MODEL, StackSnapshot
from tests.unit.models.test_gate import CHALLENGER, CHAMPION, WORKLOAD
from tests.unit.models.test_promoting import DIGESTS, receipt, snapshot

OLD = {IMAGE: f"r/image@sha256:{'4' * 64}", MODEL: f"r/model@{DIGESTS['old']}"}
NEW = {IMAGE: f"r/image@{DIGESTS['image']}", MODEL: f"r/model@{DIGESTS['new']}"}
COMPANION = Companion(setting=MODEL, image=NEW[MODEL], previous=OLD[MODEL], previous_setting=OLD[MODEL])
BOTH = receipt(7, IMAGE, "image").model_copy(
    update={"companion": COMPANION, "previous": OLD[IMAGE], "previous_setting": OLD[IMAGE]}
)


def test_a_receipt_is_about_both() -> None:
    assert BOTH.about(IMAGE) is BOTH
    model = BOTH.about(MODEL)
    assert model
    assert (model.number, model.image, model.digest) == (7, NEW[MODEL], DIGESTS["new"])
    assert (model.previous, model.previous_setting) == (OLD[MODEL], OLD[MODEL])
    assert Receipt.model_validate_json(BOTH.model_dump_json()) == BOTH
    assert receipt(1, IMAGE, "image").about(MODEL) is None
    assert [len(str(cell).splitlines()) for cell in receipts_table([BOTH]).columns[3].cells] == [2]


def test_each_can_be_rolled_back_to_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    receipts = [receipt(8, MODEL, "old"), BOTH]
    monkeypatch.setattr(
        StackSnapshot, "receipts", property(lambda self: SimpleNamespace(all=lambda: receipts))
    )
    promotions = snapshot(MODEL, tmp_path).promotions
    chosen = flow.choose_receipt(promotions, Image.parse(OLD[MODEL]), None, "prod")
    assert (chosen.number, chosen.image) == (7, NEW[MODEL])


def test_the_stack_file_gets_both_or_neither(tmp_path: Path) -> None:
    target = snapshot(IMAGE, tmp_path)
    before = f"config:\n  digits:image: {OLD[IMAGE]}\n  # the model\n  digits:model: {OLD[MODEL]}\n"
    target.file.path.write_text(before)
    lease = cast(Lease, SimpleNamespace(receipt=BOTH))
    prompter = Prompter(print, lambda report: None, lambda question: True)
    Promotion(target, lease, PromotionOptions(with_model=True), prompter)._write()
    after = before.replace(OLD[IMAGE], NEW[IMAGE]).replace(OLD[MODEL], NEW[MODEL])
    assert target.file.text() == after
    restore_file(target, BOTH)
    assert target.file.text() == before


@pytest.mark.parametrize(("failing", "checked"), [(None, 2), (IMAGE, 1), (MODEL, 2)])
def test_both_are_verified(
    failing: str | None, checked: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The user's checks are for both at once; the model has to answer its sample row."""
    seen: list[tuple[str, VerifyOptions]] = []

    def verify(target: Target, options: VerifyOptions) -> list[CheckResult]:
        seen.append((str(target.image), options))
        return [
            CheckResult(name="http", passed=failing is None or NEW[failing] != str(target.image), detail="d")
        ]

    monkeypatch.setattr(phases, "verify", verify)
    monkeypatch.setattr(StackSnapshot, "reload", lambda self: self)
    recorded: dict[str, Any] = {}
    lease = cast(Lease, SimpleNamespace(receipt=BOTH, record=lambda **changes: recorded.update(changes)))
    options = PromotionOptions(VerifyOptions("/login", command="true", soak_s=5, host="a"), with_model=True)
    prompter = Prompter(print, lambda report: None, lambda question: True)
    promotion = Promotion(snapshot(IMAGE, tmp_path), lease, options, prompter)
    assert promotion._verify(promotion.images, options.verify) == ("http: d" if failing else "")
    expected = [(NEW[IMAGE], options.verify), (NEW[MODEL], VerifyOptions(READY, host="a"))]
    assert seen == expected[:checked]
    assert recorded["soak_s"] == (0 if failing else 5)


def test_a_previous_model_of_a_strange_repository_is_refused(tmp_path: Path) -> None:
    strange = BOTH.model_copy(
        update={"companion": COMPANION.model_copy(update={"previous": f"r/x@{DIGESTS['old']}"})}
    )
    released: list[bool] = []
    lease = cast(Lease, SimpleNamespace(receipt=strange, release=lambda: released.append(True)))
    with pytest.raises(SlipwayError, match="pulumi config set digits:modelRepository r/x"):
        flow.check_previous(snapshot(IMAGE, tmp_path), lease)
    assert released


def test_the_gate_runs_both_models_on_the_server_that_is_promoted() -> None:
    pod = comparing_pod(WORKLOAD, CHAMPION, CHALLENGER, "the new server")
    images = [item["image"] for item in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])]
    assert images == ["the new server", str(CHAMPION), str(CHALLENGER), "the new server"]


def test_prune_keeps_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those that stacks serve or propose, and the last verified, however many images were promoted since."""
    images = [receipt(number, IMAGE, "image") for number in range(20, 10, -1)]
    old = receipt(1, MODEL, "old").model_copy(update={"image": f"r/former@{DIGESTS['old']}"})
    receipts = [*images, old]
    monkeypatch.setattr(
        StackSnapshot, "receipts", property(lambda self: SimpleNamespace(all=lambda: receipts))
    )
    monkeypatch.setattr(retention, "live_objects", lambda cluster, items: {})
    read = snapshot(IMAGE, tmp_path)
    proposed = f"sha256:{'5' * 64}"
    read.file.path.write_text(f'config:\n  digits:canary: {{"model": "r/model@{proposed}", "share": 10}}\n')
    assert set(retention.needed_by(read, 10)) == {*DIGESTS.values(), proposed}
    assert retention.repositories(read) == {"r/image", "r/model", "r/former"}


def test_prune_keeps_both_of_a_promotion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(StackSnapshot, "receipts", property(lambda self: SimpleNamespace(all=lambda: [BOTH])))
    monkeypatch.setattr(retention, "live_objects", lambda cluster, items: {})
    kept = set(retention.needed_by(snapshot(IMAGE, tmp_path), 1))
    assert kept >= {image.partition("@")[2] for image in (*OLD.values(), *NEW.values())}
