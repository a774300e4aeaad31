"""actionlint on the workflows; tests/unit/test_workflows.py runs their steps."""

import subprocess
from pathlib import Path

from tests.e2e.program.test_practice import TOOLS
from tests.e2e.slipway.preview.conftest import PROJECT


def test_actionlint_accepts_the_workflows(tmp_path: Path) -> None:
    """It is built from the modules that tests/tools pins."""
    package = "github.com/rhysd/actionlint/cmd/actionlint"
    subprocess.run(("go", "build", "-trimpath", "-o", tmp_path / "lint", package), cwd=TOOLS, check=True)
    done = subprocess.run(tmp_path / "lint", cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
