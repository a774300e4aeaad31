"""Faults under load: how long writes are refused, and that no acknowledged write is lost."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from sandbox.platform.processes import Supervisor
from sandbox.shell import run
from tests.e2e import soak
from tests.e2e.postgres.conftest import DatabaseStack
from tests.e2e.program.conftest import INSTANCE
from tests.e2e.sandbox.killing import powered_off

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]
ROUNDS = int(os.environ.get("ROUNDS", "10"))
AWAY_S = 60
SPLIT_S = 45


@dataclass
class Figures:
    """What one kind of fault did, round by round."""

    name: str
    gaps: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    lost: int = 0

    @property
    def row(self) -> list[str]:
        numbers = (statistics.median(self.gaps), max(self.gaps), max(self.reads))
        return [self.name, str(len(self.gaps)), *(f"{number:.1f} s" for number in numbers), str(self.lost)]


@pytest.fixture(scope="module")
def figures() -> Iterator[list[Figures]]:
    found: list[Figures] = []
    yield found
    head = ["Fault", "Rounds", "Writes refused, median", "worst", "Reads refused, worst", "Lost writes"]
    soak.write("postgres", 'Two members, `durability="sync"`.', [head, *(item.row for item in found)])


def repeat(
    db: DatabaseStack, figures: list[Figures], name: str, fault: Callable[[], None], rounds: int
) -> None:
    """Cause a fault several times under load; no acknowledged write may be lost."""
    found = Figures(name)
    figures.append(found)
    for _ in range(rounds):
        db.settle()
        with db.measured() as measured:
            fault()
        found.gaps.append(measured.writes.longest_gap)
        found.reads.append(measured.reads.longest_gap)
        found.lost += len(db.lost())
        print(found.row, [f"{gap:.1f}" for gap in found.gaps], flush=True)
    assert found.lost == 0


def test_a_killed_server(db: DatabaseStack, figures: list[Figures]) -> None:
    def fault() -> None:
        db.kubectl("exec", db.primary, "--", "sh", "-c", "kill -9 $(head -1 $PGDATA/postmaster.pid)")
        time.sleep(8)

    repeat(db, figures, "primary killed (-9)", fault, ROUNDS)


def test_a_deleted_pod(db: DatabaseStack, figures: list[Figures]) -> None:
    def fault() -> None:
        db.kubectl("delete", "pod", db.primary, "--grace-period=0", "--force")
        time.sleep(8)

    repeat(db, figures, "pod of the primary deleted by force", fault, ROUNDS)


def test_a_deleted_disk(db: DatabaseStack, figures: list[Figures]) -> None:
    def fault() -> None:
        script = "kill -9 $(head -1 $PGDATA/postmaster.pid); rm -rf $PGDATA/*"
        db.kubectl("exec", db.primary, "--", "sh", "-c", script)
        time.sleep(8)

    repeat(db, figures, "disk of the primary deleted", fault, ROUNDS)


def test_a_node_without_power(db: DatabaseStack, figures: list[Figures]) -> None:
    def fault() -> None:
        _away_from_the_client(db)
        with powered_off(INSTANCE, db.node_of(db.primary)):
            time.sleep(AWAY_S)

    repeat(db, figures, "node of the primary without power for 60 s", fault, ROUNDS)


def test_a_split_network(db: DatabaseStack, figures: list[Figures]) -> None:
    def fault() -> None:
        _away_from_the_client(db)
        with _unreachable(db.node_of(db.primary)):
            time.sleep(SPLIT_S)

    repeat(db, figures, "node of the primary cut off for 45 s", fault, max(ROUNDS // 3, 1))


def test_the_api_server_away(db: DatabaseStack, figures: list[Figures]) -> None:
    """The primary keeps its role, because it reaches every other member."""

    def fault() -> None:
        with _stopped("kube-apiserver"):
            time.sleep(AWAY_S)

    repeat(db, figures, "API server away for 60 s", fault, max(ROUNDS // 3, 1))


def _away_from_the_client(db: DatabaseStack) -> None:
    if db.node_of(db.primary) == db.node_of(db.client):
        db.switch_over()


@contextmanager
def _unreachable(node: str) -> Iterator[None]:
    link = ("ip", "-n", INSTANCE.control_netns, "link", "set", node)
    run(*link, "down")
    try:
        yield
    finally:
        run(*link, "up")


@contextmanager
def _stopped(name: str) -> Iterator[None]:
    [pid] = [process.pid for process in Supervisor(INSTANCE).processes() if process.name == name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
