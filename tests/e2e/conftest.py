"""What several suites share: what they count, and the end of what they deployed."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.conftest import SOAK
from tests.e2e import soak

ENOUGH_KILLS = 50
Ending = Callable[[Callable[[], object]], object]
"""Runs something, now or soon."""


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
    """Counts what is killed in the middle; `make soak` keeps it, and needs enough of it."""
    seen = soak.Kills()
    yield seen
    if SOAK:
        assert len(seen) >= ENOUGH_KILLS, f"{len(seen)} kills are too few to tell"
        words = (
            f"{len(seen)} kills. Mended means by `python -m delivery recover STACK`; in the middle of a "
            "`destroy` by that with `--no-up` and `destroy` again."
        )
        soak.keep("Killed in the middle", words, seen.table)
