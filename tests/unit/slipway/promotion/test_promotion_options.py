"""The options of a promotion: checked at the start, kept in the receipt, used to finish it."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner

from slipway.cli import main
from slipway.cli import promote as promote_command
from slipway.cli import recover as recover_command
from slipway.errors import SlipwayError
from slipway.promotion import promote as flow
from slipway.promotion.lease import Lease
from slipway.promotion.options import PromotionOptions, VerifyOptions
from slipway.promotion.phases import Promotion, Prompter
from slipway.promotion.receipts import Phase, Receipt, now
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

PROMPTER = Prompter(lambda text: None, lambda report: None, lambda question: True)
VERIFY = VerifyOptions("/login", command="true", soak_s=600, host="example.com", status=302)
OPTIONS = PromotionOptions(VERIFY, roll_back=False)


def receipt(options: PromotionOptions | None = OPTIONS, phase: Phase = Phase.VERIFYING) -> Receipt:
    image = "registry:5000/hits@sha256:" + "a" * 64
    receipt = Receipt(number=1, stack="prod", source="dev", image=image, who="me", started=now(), phase=phase)
    return receipt.model_copy(update={"options": options})


class FakeLease:
    """A lease that records its release."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.released = False

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_command_line(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both commands take the same checks, by the same names."""
    received: list[PromotionOptions] = []

    def run(*arguments: Any) -> Receipt:
        received.extend(item for item in arguments if isinstance(item, PromotionOptions))
        return receipt()

    monkeypatch.setattr(flow, command, run)
    monkeypatch.setattr(promote_command, "Project", lambda directory: None)
    main.load(command)
    checks = "--check-path /login --check-command true --soak 600 --check-host example.com --check-status 302"
    more = "--service web --rate 2 --max-errors 0.5"
    stacks = ["dev", "prod"] if command == "promote" else ["prod"]
    for options in ("", checks, f"{checks} {more}"):
        result = CliRunner().invoke(main.app, [command, *stacks, "--yes", *options.split()])
        assert result.exit_code == 0, result.output
    everything = replace(VERIFY, service="web", rate=2.0, max_errors=0.5)
    assert [options.verify for options in received] == [VerifyOptions(), VERIFY, everything]


def test_receipt() -> None:
    """A receipt keeps the options; a receipt of an earlier version, without them, can be read."""
    text = receipt().model_dump_json()
    assert Receipt.model_validate_json(text).options == OPTIONS
    old = {key: value for key, value in json.loads(text).items() if key != "options"}
    assert Receipt.model_validate(old).options is None


def test_resume(monkeypatch: pytest.MonkeyPatch) -> None:
    """The receipt's options count, not those of the command that resumes."""
    resumed: list[PromotionOptions] = []
    monkeypatch.setattr(Promotion, "run", lambda self: resumed.append(self.options))
    target = cast(StackSnapshot, SimpleNamespace(file=SimpleNamespace(text=str)))
    for kept in (OPTIONS, None):
        lease = cast(Lease, FakeLease(receipt(kept)))
        flow.resume(target, lease, True, PromotionOptions(), PROMPTER)
    assert resumed == [OPTIONS, PromotionOptions()]


@pytest.mark.parametrize("command", ["no-such-program --x", "'unbalanced", " ", "/etc/passwd"])
def test_command_that_cannot_be_run(command: str) -> None:
    """It is refused before anything is read or changed."""
    options = PromotionOptions(VerifyOptions(command=command))
    project = cast(Project, None)
    with pytest.raises(SlipwayError, match="the check command cannot be"):
        flow.promote(project, "dev", "prod", flow.SourceRequirements(), options, PROMPTER)
    with pytest.raises(SlipwayError, match="the check command cannot be"):
        flow.rollback(project, "prod", None, options, PROMPTER)


class Unread(SimpleNamespace):
    """A snapshot of a stack that is not read."""

    def promoting(self, setting: str) -> "Unread":
        return self


def test_command_of_an_interrupted_promotion(monkeypatch: pytest.MonkeyPatch) -> None:
    """If it cannot be run here, nothing is repaired, and another process can resume."""
    options = PromotionOptions(VerifyOptions(command="no-such-program"))
    lease = FakeLease(receipt(options))
    for module in (flow, recover_command):
        monkeypatch.setattr(module, "take_over", lambda *_: lease)
    monkeypatch.setattr(flow, "repair", lambda *_: pytest.fail("repaired"))
    target = cast(StackSnapshot, Unread(receipts=None, interrupted_operations=[]))
    with pytest.raises(SlipwayError, match="no-such-program is not an executable program"):
        flow.finish(target, None, PromotionOptions(), PROMPTER)
    assert lease.released


def test_recover(monkeypatch: pytest.MonkeyPatch) -> None:
    """`slipway recover` checks the command before it repairs."""
    options = PromotionOptions(VerifyOptions(command="no-such-program"))
    lease = FakeLease(receipt(options))
    snapshot = Unread(receipts=None)
    on_a_cluster = SimpleNamespace(name="hits", stack=lambda _: SimpleNamespace(config=dict))
    monkeypatch.setattr(recover_command, "Project", lambda *_: on_a_cluster)
    monkeypatch.setattr(StackSnapshot, "read", lambda *_: snapshot)
    monkeypatch.setattr(recover_command, "take_over", lambda *_: lease)
    monkeypatch.setattr(recover_command, "_findings", lambda *_: [])

    def repaired(*_: Any) -> None:
        pytest.fail("repaired")

    monkeypatch.setattr(recover_command, "repair", repaired)
    with pytest.raises(SlipwayError, match="no-such-program"):
        recover_command.recover("prod", yes=True, cwd=Path())
    assert lease.released
