"""A namespace of its own for each test, and the whole instance for the tests that break it."""

import re
from collections.abc import Iterator

import pytest

from sandbox.platform.instance import Instance
from tests.e2e.sandbox.cluster import Cluster, Machine


@pytest.fixture
def cluster(sandbox: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The running instance, with a namespace for this test that goes when it ends."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    with Cluster(sandbox).namespace(f"sb-{name}") as it:
        yield it


@pytest.fixture(scope="session")
def machine() -> Machine:
    """The tests' instance, started anew. `before` is the machine's state while it is down."""
    it = Machine(Instance.from_environment())
    it.must("down")
    it.before = it.state()
    it.must("up", "--wait")
    return it
