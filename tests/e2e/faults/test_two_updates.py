"""Two updates of a stack at the same time: the error of one names the other, and nothing breaks."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.faults.conftest import Breakable, is_settled
from tests.e2e.sandbox.cluster import eventually


@pytest.fixture
def changed(breakable: Breakable) -> Iterator[Breakable]:
    """A stack with a change to apply. Afterwards the change is applied, and nothing is left over."""
    breakable.change()
    yield breakable
    breakable.up()
    is_settled(breakable)


def test_a_second_update_names_the_owner_of_the_lock(changed: Breakable) -> None:
    with changed.start("up") as first:
        eventually("the first holds the lock", changed.locks)
        second = changed.run("up", "--yes", "--skip-preview")
        outputs = first.communicate()[0]
    assert second.returncode != 0
    assert re.search(rf"locked by .*\(pid {first.pid}\)", second.stdout + second.stderr, re.S)
    assert first.returncode == 0, outputs


# The engine does not write its lock file atomically, and reads the other's (pulumi/pkg/backend/diy/lock.go).
HALF_WRITTEN = "unexpected end of JSON input"


def test_a_refused_update_names_the_other(changed: Breakable) -> None:
    with changed.start("up") as left, changed.start("up") as right:
        both = [left, right]
        outputs = [process.communicate()[0] for process in both]
    refused = [process for process in both if process.returncode]
    assert refused, outputs
    for process, other, text in zip(both, both[::-1], outputs, strict=True):
        if process in refused:
            assert re.search(rf"locked by .*\(pid {other.pid}\)|{HALF_WRITTEN}", text, re.S), text
