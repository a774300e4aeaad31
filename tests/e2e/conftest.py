"""What several suites count together."""

from collections.abc import Iterator

import pytest

from tests.conftest import SOAK
from tests.e2e import soak

ENOUGH_KILLS = 50


@pytest.fixture(scope="session")
def kills() -> Iterator[soak.Kills]:
    """Counts what is killed in the middle; `make soak` keeps it, and needs enough of it."""
    seen = soak.Kills()
    yield seen
    if SOAK:
        total = seen.killed.total()
        assert total >= ENOUGH_KILLS, f"{total} kills are too few to tell"
        words = f"{seen.mended.total()} of {total} kills at random moments were mended by one command."
        soak.keep("Killed in the middle", words, seen.table)
