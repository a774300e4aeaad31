"""A namespace for each test, and the instance for the tests that break it."""

import re
from collections.abc import Iterator

import pytest

from sandbox.platform.instance import Instance
from tests.e2e.sandbox.cluster import Cluster, Machine


@pytest.fixture
def cluster(sandbox: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The running instance, with a namespace that is deleted after the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    with Cluster(sandbox).namespace(f"sb-{name}") as started:
        yield started


@pytest.fixture(scope="session")
def machine() -> Machine:
    """The tests' instance, restarted. `before` is the machine's state while it is down."""
    started = Machine(Instance.from_environment())
    started.must("down")
    started.before = started.state()
    started.must("up", "--wait")
    return started
