"""The runner of other programs."""

import os
import sys
from pathlib import Path

import pytest

from slipway.errors import CommandFailed, CommandNotFound, CommandTimeout
from slipway.process import git, is_running, run, start_time

SCRIPT = "import os, sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); sys.exit(os.environ['CODE'])"


def test_result() -> None:
    """The result has the exit code, the output as bytes and as text, and the stripped error."""
    result = run(sys.executable, "-c", SCRIPT, stdin="é", environment={"CODE": "no"})
    assert (result.code, result.stdout, result.text, result.error) == (1, b"\xc3\xa9", "é", "no")


def test_environment_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER", "kept")
    script = "import os; print(os.environ['OUTER'], os.environ['INNER'])"
    assert run(sys.executable, "-c", script, environment={"INNER": "added"}).text == "kept added\n"


def test_missing_program() -> None:
    with pytest.raises(CommandNotFound, match="no-such-program is not installed"):
        run("no-such-program")


def test_timeout() -> None:
    with pytest.raises(CommandTimeout, match=r"did not end within 0\.2 s"):
        run("sleep", "9", timeout_s=0.2)


def test_git(tmp_path: Path) -> None:
    assert git("rev-parse", "--is-inside-work-tree", directory=Path(__file__).parent) == "true\n"
    with pytest.raises(CommandFailed, match="not a git repository"):
        git("-C", "/", "rev-parse", "--show-toplevel", directory=tmp_path)


def test_processes() -> None:
    assert is_running(os.getpid(), "py") and not is_running(os.getpid(), "pulumi")
    assert start_time(os.getpid()) == start_time(os.getpid()) != ""
    assert start_time(2**22 + 1) == ""
