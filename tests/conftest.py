"""What the tests share: the environment of the running platform."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import pulumi_plugins
from sandbox.instance import Instance

PROJECT = Path(__file__).parent.parent
SOAK = "SOAK" in os.environ
"""Whether time is no matter: `make soak` sets it."""
PLUGINS = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below tests/e2e needs the platform, and runs after what does not."""
    for item in items:
        if PROJECT / "tests/e2e" in item.path.parents:
            item.add_marker("e2e")
        if item.get_closest_marker("soak") and not SOAK:
            item.add_marker(pytest.mark.skip(reason="left to `make soak`"))
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell which Pulumi plugins the tests used: the official ones or the sandbox's stand-ins."""
    if PLUGINS in config.stash:
        used = config.stash[PLUGINS]
        terminalreporter.write_line(f"Pulumi plugins: {', '.join(used)}")


@pytest.fixture(scope="session")
def sandbox(pytestconfig: pytest.Config) -> dict[str, str]:
    """Start the sandbox if need be; return the environment in which pulumi, kubectl and buildx talk to it."""
    python = (sys.executable, "-m", "sandbox")
    subprocess.run((*python, "up", "--wait"), cwd=PROJECT, check=True)
    environment = subprocess.check_output((*python, "env", "--json"), cwd=PROJECT)
    pytestconfig.stash[PLUGINS] = pulumi_plugins.report(Instance.from_environment())
    return {**os.environ, **json.loads(environment)}
