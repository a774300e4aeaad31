"""What is promoted: the receipts and repositories of a stack's models."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.promotion import promote as flow
from slipway.promotion.receipts import Outcome, Receipt, now
from slipway.pulumi.project import ConfigValue, Stack
from slipway.pulumi.stack_snapshot import IMAGE, MODEL, StackSnapshot, stack_file

DIGESTS = {name: f"sha256:{digit * 64}" for name, digit in (("old", "1"), ("new", "2"), ("image", "3"))}


def receipt(number: int, setting: str, name: str) -> Receipt:
    return Receipt(
        number=number,
        stack="prod",
        setting=setting,
        source="staging",
        image=f"r/{setting}@{DIGESTS[name]}",
        who="me",
        started=now(),
        outcome=Outcome.VERIFIED,
    )


def snapshot(setting: str, tmp_path: Path) -> StackSnapshot:
    stack = SimpleNamespace(
        name="prod", file=tmp_path / "Pulumi.prod.yaml", project=SimpleNamespace(name="digits")
    )
    outputs = {"image": f"r/image@{DIGESTS['image']}", "model": f"r/model@{DIGESTS['new']}"}
    state = {"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": outputs}]}}
    config = {
        "digits:repository": ConfigValue("r/image", False),
        "digits:modelRepository": ConfigValue("r/model", False),
    }
    return StackSnapshot(cast(Stack, stack), "digits", config, Cluster("nowhere"), state, setting)


@pytest.mark.parametrize(("setting", "name"), [(IMAGE, "image"), (MODEL, "new")])
def test_each_setting_has_its_own_image_repository_and_line(setting: str, name: str, tmp_path: Path) -> None:
    read = snapshot(setting, tmp_path)
    assert read.image == Image(f"r/{setting}", DIGESTS[name])
    assert read.repository == f"r/{setting}"
    assert read.file.key == f"digits:{setting}"
    assert read.promoting(MODEL).image == Image("r/model", DIGESTS["new"])


def test_a_rollback_of_the_model_passes_over_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And a rollback of the image over models; receipts from before there were models are of images."""
    receipts = [receipt(3, MODEL, "new"), receipt(2, IMAGE, "image"), receipt(1, MODEL, "old")]
    monkeypatch.setattr(
        StackSnapshot, "receipts", property(lambda self: SimpleNamespace(all=lambda: receipts))
    )
    read = snapshot(MODEL, tmp_path)
    chosen = flow.choose_receipt(read.promotions, read.image, None, "prod")
    assert chosen.number == 1
    with pytest.raises(SlipwayError, match="no earlier version"):
        flow.choose_receipt(read.promoting(IMAGE).promotions, read.promoting(IMAGE).image, None, "prod")
    assert Receipt.model_validate(receipt(1, IMAGE, "old").model_dump(exclude={"setting"})).setting == IMAGE


def test_a_model_of_a_strange_repository_is_not_rolled_back_to(tmp_path: Path) -> None:
    with pytest.raises(SlipwayError, match="pulumi config set digits:modelRepository r/strange --stack prod"):
        flow.check_repository(Image("r/strange", DIGESTS["old"]), snapshot(MODEL, tmp_path), "receipt #1")


def test_the_stack_file_has_a_line_for_each(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("config:\n  digits:image: a  # the server\n")
    stack = cast(Stack, SimpleNamespace(file=file, project=SimpleNamespace(name="digits")))
    stack_file(stack, MODEL).set_image("b")
    assert file.read_text() == "config:\n  digits:image: a  # the server\n  digits:model: b\n"
