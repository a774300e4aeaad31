"""What the tests share: the environment of the running platform."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below tests/e2e needs the platform, and runs after what does not."""
    for item in items:
        if PROJECT / "tests/e2e" in item.path.parents:
            item.add_marker("e2e")
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


@pytest.fixture(scope="session")
def sandbox() -> dict[str, str]:
    """Start the sandbox if need be; return the environment in which pulumi, kubectl and buildx talk to it."""
    python = (sys.executable, "-m", "sandbox")
    subprocess.run((*python, "up", "--wait"), cwd=PROJECT, check=True)
    environment = subprocess.check_output((*python, "env", "--json"), cwd=PROJECT)
    return {**os.environ, **json.loads(environment)}
