"""A state, a lock or a history that another pulumi is writing is read again."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pulumi import automation
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import CommandError

from slipway.errors import SlipwayError, StackLocked
from slipway.pulumi import half_written
from slipway.pulumi.project import Project, Stack

HALF = "error: failed to load checkpoint: place 1: EOF"
LOCK = "error: unexpected end of JSON input"
# What pulumi 3.274 prints for files with no content, or with half of their content.
STATE = "error: getting snapshot: failed to load checkpoint: place 1: unexpected end of JSON input"
LIST = "error: place 1: unexpected end of JSON input"
HISTORY = (
    "error: getting history: reading history file .pulumi/history/shop/dev/dev-1.history.json:"
    " unexpected end of JSON input"
)
GONE = 'error: blob (key ".pulumi/locks/organization/shop/dev/1.json") (code=NotFound): open: no such file'


def failed(error: str) -> CommandError:
    return CommandError(CommandResult("", error, 255))


class Pulumi:
    """Commands that fail with the given errors, and then succeed."""

    def __init__(self, *errors: str) -> None:
        self.errors: list[str | CommandError] = list(errors)

    def run(self, *_: Any, **options: Any) -> CommandResult:
        if self.errors:
            error = self.errors.pop(0)
            raise failed(error) if isinstance(error, str) else error
        return CommandResult('{"deployment": {}}', "", 0)


def stack(pulumi: Pulumi) -> Stack:
    workspace = SimpleNamespace(pulumi_command=pulumi, env_vars={})
    own = SimpleNamespace(directory=Path(), file=lambda name: Path(f"/nowhere/Pulumi.{name}.yaml"))
    stack = Stack("dev", cast(Project, own), cast(automation.LocalWorkspace, workspace))
    stack.__dict__["_stack"] = SimpleNamespace(preview=pulumi.run, up=pulumi.run)
    return stack


@pytest.fixture(autouse=True)
def _no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half_written, "READ_DELAYS_S", (0.0, 0.0))


@pytest.mark.parametrize("error", [HALF, STATE, HISTORY, LOCK, GONE])
def test_commands(error: str) -> None:
    assert stack(Pulumi(error, error)).state() == {"deployment": {}}


@pytest.mark.parametrize("error", [HALF, STATE, LOCK, f"warning: old\n{LOCK}", GONE])
def test_operations(error: str) -> None:
    assert stack(Pulumi(error, error)).preview().succeeded
    assert stack(Pulumi(error, error)).up().succeeded


def test_the_list_of_stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of pulumi is a message, not a traceback."""
    errors = [failed(LIST), failed("error: not logged in")]

    class Workspace:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        def list_stacks(self) -> list[automation.StackSummary]:
            if errors:
                raise errors.pop(0)
            return []

    monkeypatch.setattr(automation, "LocalWorkspace", Workspace)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    with pytest.raises(SlipwayError, match=r"^not logged in$"):
        Project(tmp_path).stacks()
    errors[:] = [failed(LIST), failed(LIST)]
    assert Project(tmp_path).stacks() == []


@pytest.mark.parametrize("operation", ["up", "refresh"])
def test_a_lock_that_stays_half_written(operation: str) -> None:
    """A lock is a lock, even if its owner died while writing it."""
    locked = stack(Pulumi(*[LOCK] * 3))
    with pytest.raises(StackLocked, match="locked by another operation"):
        locked.up() if operation == "up" else locked.command("refresh", "--yes")


@pytest.mark.parametrize("output", ["Updating (dev)\nerror: unexpected end of JSON input", ""])
def test_the_same_words_in_another_error(output: str) -> None:
    """A resource may fail with them after other resources have changed."""
    error = CommandError(CommandResult(output, "error: update failed: unexpected end of JSON input", 255))
    pulumi = Pulumi()
    pulumi.errors = [error]
    assert not stack(pulumi).up().succeeded


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
