"""Two updates of a stack at the same time: one is told who works on it, and nothing breaks."""

import re
from collections.abc import Iterator

import pytest

from tests.e2e.faults.conftest import Breakable, is_settled
from tests.e2e.sandbox.cluster import eventually


@pytest.fixture
def changed(breakable: Breakable) -> Iterator[Breakable]:
    """A stack that has something to update. Afterwards it runs that, and nothing is left over."""
    breakable.change()
    yield breakable
    breakable.up()
    is_settled(breakable)


def test_a_second_update_is_told_who_holds_the_lock_and_the_first_goes_on(changed: Breakable) -> None:
    with changed.start("up") as first:
        eventually("the first holds the lock", changed.locks)
        second = changed.run("up", "--yes", "--skip-preview")
        told = first.communicate()[0]
    assert second.returncode != 0
    assert re.search(rf"locked by .*\(pid {first.pid}\)", second.stdout + second.stderr, re.S)
    assert first.returncode == 0, told


# The engine does not write its lock file atomically, and reads the other's (pulumi/pkg/backend/diy/lock.go).
HALF_WRITTEN = "unexpected end of JSON input"


def test_of_two_in_the_same_instant_each_that_is_refused_is_told_of_the_other(changed: Breakable) -> None:
    with changed.start("up") as one, changed.start("up") as two:
        both = [one, two]
        told = [process.communicate()[0] for process in both]
    refused = [process for process in both if process.returncode]
    assert refused, told
    for process, other, text in zip(both, both[::-1], told, strict=True):
        if process in refused:
            assert re.search(rf"locked by .*\(pid {other.pid}\)|{HALF_WRITTEN}", text, re.S), text
