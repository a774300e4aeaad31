"""A namespace of its own for each test, and a second instance for the tests that break things."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox.instance import Instance
from tests.e2e.sandbox.cluster import Cluster, Machine


@pytest.fixture
def cluster(sandbox: dict[str, str], request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The running default instance, with a namespace for this test that goes when it ends."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:50].strip("-")
    with Cluster(sandbox).namespace(f"sb-{name}") as it:
        yield it


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A second instance beside the default one. `before` is the machine's state without it."""
    default = Instance.from_environment()
    it = Machine(replace(default, name=f"{default.name}-test"))
    it.must("purge")
    it.before = it.state()
    it.must("up", "--wait")
    yield it
    it.must("purge")
