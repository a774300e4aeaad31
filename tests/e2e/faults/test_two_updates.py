"""Two updates of a stack at the same time: one is told who works on it, and nothing breaks."""

import re

from tests.e2e.faults.conftest import Breakable


def test_the_second_update_is_told_who_holds_the_lock(breakable: Breakable) -> None:
    breakable.change(100)
    with breakable.start("up") as one, breakable.start("up") as two:
        both = [one, two]
        told = [process.communicate()[0] for process in both]
    refused = [process for process in both if process.returncode]
    assert refused, told
    for process, other, text in zip(both, both[::-1], told, strict=True):
        if process in refused:
            assert re.search(rf"locked by .*\(pid {other.pid}\)", text, re.S), text
    breakable.up()
    assert breakable.locks() == []
    assert breakable.changes() == []
    assert breakable.there() == breakable.known()
