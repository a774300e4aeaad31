"""What the tests share: an instance of the sandbox of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from sandbox.platform.instance import Instance
from sandbox.tools import pulumi_plugins

PROJECT = Path(__file__).parent.parent
# Before any module below asks which instance is meant: tests never act on the user's own.
os.environ["SANDBOX_NAME"] = os.environ.get("TEST_SANDBOX") or "slipway-test"
# A busy machine takes longer than the 200 ms that Hypothesis allows for an example.
settings.register_profile("slipway", deadline=None)
settings.load_profile("slipway")
SOAK = "SOAK" in os.environ
"""Whether the long forms run: `make soak` sets it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below tests/e2e needs the platform, and runs after what does not."""
    for item in items:
        if PROJECT / "tests/e2e" in item.path.parents:
            item.add_marker("e2e")
        if item.get_closest_marker("soak") and not SOAK:
            item.add_marker(pytest.mark.skip(reason="left to `make soak`"))
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say on which releases of Pulumi's plugins the tests ran."""
    if _ran_for_real(terminalreporter):
        plugins = ", ".join(pulumi_plugins.report(Instance.from_environment()))
        terminalreporter.write_line(f"Pulumi plugins: {plugins}")


def _ran_for_real(reporter: pytest.TerminalReporter) -> bool:
    return any("e2e" in report.keywords for report in reporter.getreports("passed"))


@pytest.fixture(scope="session")
def sandbox() -> dict[str, str]:
    """Start the tests' instance if need be; return the environment of programs that use it."""
    return started()


def started(*options: str) -> dict[str, str]:
    """Start the tests' instance with options of `sandbox up`, and return the environment."""
    python = (sys.executable, "-m", "sandbox")
    subprocess.run((*python, "up", "--wait", *options), cwd=PROJECT, check=True)
    environment = subprocess.check_output((*python, "env", "--json"), cwd=PROJECT)
    return {**os.environ, **json.loads(environment)}
