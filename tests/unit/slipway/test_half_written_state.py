"""A state that another pulumi is writing is read again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi import automation
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import CommandError

from slipway.errors import SlipwayError
from slipway.pulumi import project
from slipway.pulumi.project import Project, Stack

HALF = "error: failed to load checkpoint: place 1: EOF"


def failed(error: str) -> CommandError:
    return CommandError(CommandResult("", error, 255))


class Pulumi:
    """Commands that fail with the given errors, and then succeed."""

    def __init__(self, *errors: str) -> None:
        self.errors = list(errors)

    def run(self, *_: Any, **options: Any) -> CommandResult:
        if self.errors:
            raise failed(self.errors.pop(0))
        return CommandResult('{"deployment": {}}', "", 0)


def stack(pulumi: Pulumi) -> Stack:
    workspace = SimpleNamespace(pulumi_command=pulumi, env_vars={})
    own = SimpleNamespace(directory=Path())
    stack = Stack("dev", cast(Project, own), cast(automation.LocalWorkspace, workspace))
    stack.__dict__["_stack"] = SimpleNamespace(preview=pulumi.run)
    return stack


@pytest.fixture(autouse=True)
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "READ_DELAYS_S", (0.0, 0.0))


def test_export() -> None:
    assert stack(Pulumi(HALF, HALF)).state() == {"deployment": {}}


def test_preview() -> None:
    assert stack(Pulumi(HALF, HALF)).preview().succeeded


def test_broken_state() -> None:
    """A state that stays unreadable is an error."""
    with pytest.raises(SlipwayError, match="failed to load checkpoint"):
        stack(Pulumi(*[HALF] * 3)).state()
    assert "EOF" in stack(Pulumi(*[HALF] * 3)).preview().failure


def test_other_errors() -> None:
    """Any other error is raised at once."""
    pulumi = Pulumi("error: connection reset: EOF", HALF)
    with pytest.raises(SlipwayError, match="connection reset"):
        stack(pulumi).state()
    assert pulumi.errors == [HALF]
