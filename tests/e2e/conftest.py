"""Fixtures of several suites, and the groups of tests that share a worker."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.conftest import SOAK
from tests.e2e import soak

GROUPS = {
    "models/": "models",
    "slipway/promotion/test_promotion": "promotion",
    "program/test_make": "make",
    "program/test_readme": "make",
    "program/": "program",
    "slipway/promotion/": "promotion: changes and crashes",
    "slipway/preview/test_commits": "commits",
    "slipway/preview/": "preview",
    "postgres/": "postgres",
    "docker/": "docker",
    "doors/": "doors",
}
"""Files whose tests share what they have deployed, by the beginning of their paths, the longest suites first.

With several workers each group runs on one of them. Any other file is a group of its own, and comes later.
"""
Ending = Callable[[Callable[[], object]], object]
"""Runs something, now or soon."""


class Groups(LoadScopeScheduling):  # type: ignore[misc] # which has no types
    """Gives each worker whole groups. pytest-xdist's own, `--dist loadgroup`, finds none with pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid.partition("::")[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Groups:
    """Use the groups, however many workers there are."""
    return Groups(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests into the order in which workers take their groups."""
    order = {name: place for place, name in enumerate(GROUPS.values())}
    items.sort(key=lambda item: order.get(group(item.nodeid.partition("::")[0]), len(order)))


def group(file: str) -> str:
    """Return the group of a file, given by its path in the project."""
    path = file.removeprefix("tests/e2e/")
    return next((name for start, name in GROUPS.items() if path.startswith(start)), path)


@pytest.fixture(scope="session")
def ending() -> Iterator[Ending]:
    """Runs what ends with the session all at once: to destroy a stack is mostly to wait."""
    started: list[Future[object]] = []

    def start(work: Callable[[], object]) -> None:
        started.append(pool.submit(work))

    with ThreadPoolExecutor(max_workers=4) as pool:
        yield start
    for future in started:
        future.result()


@pytest.fixture(scope="session")
def kills() -> Iterator[soak.Kills]:
    """Record what the session kills; `make soak` writes the figures."""
    kills = soak.Kills()
    yield kills
    if SOAK:
        introduction = (
            f"{len(kills)} kills. `slipway recover STACK` repairs the stack. "
            "After a killed `destroy`, it runs with `--no-up`, and `destroy` runs again."
        )
        soak.write("kills", introduction, kills.table)
