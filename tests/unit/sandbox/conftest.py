"""An instance of the sandbox that is not running."""

from pathlib import Path

import pytest

from sandbox.platform.instance import Instance


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    """An instance with its directories, and without anything on demand."""
    made = Instance("test", tmp_path / "state", tmp_path / "cache")
    for directory in (made.libexec, made.etc):
        directory.mkdir(parents=True)
    return made
