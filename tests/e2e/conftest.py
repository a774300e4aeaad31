"""What several suites share: who runs them, the kills that they count, and the end of what they deployed."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.e2e import soak

E2E = Path(__file__).parent
GROUPS = {
    "slipway/promotion/test_promotion": "promotion",
    "program/test_make": "make",
    "program/": "program",
    "slipway/promotion/": "promotion: changes and crashes",
    "slipway/preview/test_commits": "commits",
    "slipway/preview/": "preview",
}
"""Files whose tests share what they have deployed, by the beginning of their paths, the longest suites first.

With several workers each group runs on one of them. Any other file is a group of its own, and comes later.
"""
Ending = Callable[[Callable[[], object]], object]
"""Runs something, now or soon."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its group, in the order in which workers take them."""
    own = [item for item in items if E2E in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    order = {name: place for place, name in enumerate(GROUPS.values())}
    items.sort(key=lambda item: order.get(_group(item), len(order)) if item in own else -1)


def _group(item: pytest.Item) -> str:
    path = item.path.relative_to(E2E).as_posix() if E2E in item.path.parents else ""
    return next((group for start, group in GROUPS.items() if path.startswith(start)), path)


@pytest.fixture(scope="session")
def ending() -> Iterator[Ending]:
    """Runs what ends with the session all at once: to destroy a stack is mostly to wait."""
    started: list[Future[object]] = []

    def start(work: Callable[[], object]) -> None:
        started.append(pool.submit(work))

    with ThreadPoolExecutor(max_workers=4) as pool:
        yield start
    for one in started:
        one.result()


@pytest.fixture(scope="session")
def kills() -> Iterator[soak.Kills]:
    """Counts what is killed in the middle; `make soak` keeps it."""
    seen = soak.Kills()
    yield seen
    if SOAK:
        words = (
            f"{len(seen)} kills. Mended means by `slipway recover STACK`; in the middle of a "
            "`destroy` by that with `--no-up` and `destroy` again."
        )
        soak.keep("Killed in the middle", words, seen.table)
