"""A namespace of its own for each test, and a second instance for the tests that break things."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.e2e.sandbox.cluster import PROJECT, Cluster, Machine


@pytest.fixture
def cluster(sandbox: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The running default instance, with a namespace for this test that goes when it ends."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    with Cluster(sandbox).namespace(f"sb-{name}") as it:
        yield it


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A second instance beside the default one. `before` is the machine's state without it."""
    environment = {**os.environ, "SANDBOX_NAME": "sandbox-test"}

    def command(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (sys.executable, "-m", "sandbox", *argv),
            cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    it = Machine(command)
    it.must("purge")
    it.before = it.state()
    it.must("up", "--wait")
    yield it
    it.must("purge")
