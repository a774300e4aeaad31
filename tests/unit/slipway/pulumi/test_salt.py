"""Pulumi's commands write a salt into a stack file that has none. Slipway takes it out again."""

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import CommandError

from slipway.errors import SlipwayError
from slipway.pulumi.project import Project, Stack

# As pulumi with a passphrase: it takes the salt from the state if it may, and formats the file.
PULUMI = """#!/bin/sh
case "$*" in *version*) echo v3.274.1; exit;; esac
[ "$PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER" = true ] || { echo "error: another salt" >&2; exit 255; }
printf 'config:\\n  a:b: c\\nencryptionsalt: v1:abc\\n' >Pulumi.dev.yaml
case "$*" in *history*) echo "[]";; *cancel*) exit 255;; *) echo '{"deployment": {}}';; esac
"""
FILE = "# dev\nconfig:\n  a:b:   c  # pinned\n"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    program = tmp_path / "pulumi"
    program.write_text(PULUMI)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER", raising=False)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(FILE)
    return Project(tmp_path).stack("dev")


@pytest.mark.parametrize(
    "use",
    [Stack.create, Stack.state, Stack.history, lambda stack: stack.command("refresh", "--yes")],
    ids=["create", "state", "history", "refresh"],
)
def test_a_command_leaves_the_file_as_it_was(stack: Stack, use: Callable[[Stack], Any]) -> None:
    use(stack)
    assert stack.file.read_text() == FILE


def test_a_command_that_fails_leaves_the_file_as_it_was(stack: Stack) -> None:
    with pytest.raises(SlipwayError):
        stack.cancel()
    assert stack.file.read_text() == FILE


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("operation", ["preview", "up", "preview_refresh"])
def test_an_operation_leaves_the_file_as_it_was(stack: Stack, operation: str, fails: bool) -> None:
    def run(**_: Any) -> None:
        stack.file.write_text("config:\n  a:b: c\nencryptionsalt: v1:abc\n")
        if fails:
            raise CommandError(CommandResult("", "error: update failed", 255))

    stack.__dict__["_stack"] = SimpleNamespace(**{operation: run})
    assert getattr(stack, operation)().succeeded is not fails
    assert stack.file.read_text() == FILE


def test_a_salt_that_the_file_had_stays(stack: Stack) -> None:
    stack.file.write_text(f"{FILE}encryptionsalt: v1:abc\n")
    stack.state()
    assert "encryptionsalt: v1:abc" in stack.file.read_text()
