"""`make e2e` runs every suite, whatever fails before it, and on the tests' own instance."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import GROUPS

PROJECT = Path(__file__).parents[2]
PYTEST = """#!/bin/sh
echo "$SANDBOX_NAME: $*" >>{log}
case "$*" in *{bad}*) exit 1;; esac
"""


def make(directory: Path, *words: str, bad: str = "nothing") -> tuple[int, list[str]]:
    """Run make with a pytest that fails for `bad`; return the exit code, and what pytest was called with."""
    log, program = directory / "log", directory / "pytest"
    program.write_text(PYTEST.format(log=log, bad=bad))
    program.chmod(0o755)
    fakes = (f"VENV={directory}", "SANDBOX=true", "IN_SANDBOX=")
    ready = ("--old-file=packages", "--old-file=venv")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        ("make", *words, *fakes, *ready), cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    return done.returncode, log.read_text().splitlines()


def suites(call: str) -> list[str]:
    """Return the suites that a call of pytest runs."""
    return re.findall(r" tests/e2e/(\S+)", call)


@pytest.mark.parametrize("bad", ["--no-loadscope-reorder", "tests/e2e/security", "test_machine.py"])
def test_a_suite_that_fails_fails_the_target_and_hides_no_other(tmp_path: Path, bad: str) -> None:
    assert make(tmp_path, "e2e")[0] == 0
    (tmp_path / "log").unlink()
    code, calls = make(tmp_path, "e2e", bad=bad)
    assert code != 0
    assert [suites(call) for call in calls][1:] == [
        ["faults"], ["load/test_load.py"], ["security"], ["sandbox/test_machine.py"],
        ["postgres", "docker", "doors", "prometheus", "load/test_bad_versions.py"],
    ]  # fmt: skip


def test_the_tests_run_on_an_instance_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_NAME", "sandbox")
    monkeypatch.delenv("TEST_SANDBOX", raising=False)
    code, [call] = make(tmp_path, "e2e", "E2E=tests/e2e/image")
    assert code == 0
    assert call.startswith("slipway-test: ") and call.endswith(" tests/e2e/image")


def test_no_suite_or_group_is_named_that_is_not_there(tmp_path: Path) -> None:
    """A renamed file would run with the others, or share nothing with its group."""
    suite = PROJECT / "tests/e2e"
    named = [name for call in make(tmp_path, "e2e")[1] for name in suites(call)]
    assert [name for name in named if not (suite / name).exists()] == []
    assert [start for start in GROUPS if not list(suite.glob(f"{start}*"))] == []


def test_a_group_runs_on_one_worker() -> None:
    """Or each worker would deploy what the tests of a group share."""
    suite = "tests/e2e/slipway/preview/test_workflows.py"
    words = ("-n", "2", "-v", "-p", "no:cacheprovider", suite, "-k", "pinned")
    done = subprocess.run(
        (sys.executable, "-m", "pytest", *words), cwd=PROJECT, capture_output=True, text=True
    )
    workers = re.findall(r"^\[(gw\d)\].* PASSED", done.stdout, re.MULTILINE)
    assert len(workers) > 2, done.stdout
    assert len(set(workers)) == 1
