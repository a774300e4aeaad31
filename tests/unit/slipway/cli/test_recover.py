"""`slipway recover` at its question."""

from contextlib import suppress
from types import SimpleNamespace

import pytest

from slipway.cli import recover as command
from slipway.errors import Interrupted
from slipway.promotion.phases import Prompter
from slipway.pulumi.stack_snapshot import StackSnapshot


@pytest.mark.parametrize("answer", [False, Interrupted("interrupted")])
def test_the_open_promotion_is_left_to_the_next_command(
    monkeypatch: pytest.MonkeyPatch, answer: bool | Interrupted
) -> None:
    """Also after Ctrl-C: a command on another machine need not wait until the lease expires."""
    released: list[bool] = []
    lease = SimpleNamespace(release=lambda: released.append(True))

    def confirm(question: str) -> bool:
        if isinstance(answer, Interrupted):
            raise answer
        return answer

    stack = SimpleNamespace(config=dict)
    monkeypatch.setattr(command, "Project", lambda *_: SimpleNamespace(name="shop", stack=lambda name: stack))
    monkeypatch.setattr(command, "runs_on_docker", lambda *_: False)
    monkeypatch.setattr(StackSnapshot, "read", lambda *_: SimpleNamespace(receipts=None))
    monkeypatch.setattr(command, "take_over", lambda *_: lease)
    monkeypatch.setattr(command, "_findings", lambda *_: ["an open promotion"])
    prompter = Prompter(lambda text: None, lambda report: None, confirm)
    monkeypatch.setattr(command, "make_prompter", lambda yes: prompter)

    with suppress(Interrupted):
        command.recover("prod")
    assert released == [True]
