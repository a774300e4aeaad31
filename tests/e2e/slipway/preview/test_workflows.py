"""Static checks of the workflows; tests/unit/test_workflows.py runs their steps."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.program.test_practice import TOOLS
from tests.e2e.slipway.preview.conftest import PROJECT

GITHUB = PROJECT / ".github"
FILES = sorted([*GITHUB.glob("workflows/*.yml"), *GITHUB.glob("actions/*/action.yml")])


def test_actionlint_accepts_the_workflows(tmp_path: Path) -> None:
    """It is built from the modules that tests/tools pins."""
    package = "github.com/rhysd/actionlint/cmd/actionlint"
    subprocess.run(("go", "build", "-trimpath", "-o", tmp_path / "lint", package), cwd=TOOLS, check=True)
    done = subprocess.run(tmp_path / "lint", cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name + file.stem)
def test_actions_are_pinned_by_commit(file: Path) -> None:
    used = re.findall(r"uses: (.*)", file.read_text())
    assert used
    for action in used:
        assert action.startswith("./") or re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+.*", action), (
            action
        )
