"""Faults under load: how long writes are refused, and which acknowledged writes are lost."""

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
FEW = max(ROUNDS // 3, 1)
API_AWAY_S = 60
POWER_AWAY_S = 35
SPLIT_S = 45
DEMOTED_S = 25
"""The time to live that Patroni has here, and a look: then a primary that is cut off takes no writes."""
HEAD = ["Fault", "Rounds", "Writes refused, median", "worst", "Reads refused, worst", "Writes", "Lost"]


@dataclass
class Figures:
    """What one kind of fault did, round by round."""

    name: str
    gaps: list[float] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    acknowledged: int = 0
    lost: int = 0

    @property
    def row(self) -> list[str]:
        numbers = (statistics.median(self.gaps), max(self.gaps), max(self.reads))
        seconds = (f"{number:.1f} s" for number in numbers)
        return [self.name, str(len(self.gaps)), *seconds, f"{self.acknowledged:,}", str(self.lost)]


@pytest.fixture(scope="module")
def figures() -> Iterator[list[Figures]]:
    found: list[Figures] = []
    yield found
    soak.write("postgres", "Two members, and a client.", [HEAD, *(item.row for item in found if item.gaps)])


@pytest.fixture(params=["sync", "async"], scope="module")
def durability(db: DatabaseStack, request: pytest.FixtureRequest) -> str:
    """The durability of the database, which changes without a restart."""
    if request.param not in db.file.read_text():
        db.succeed("config", "set", "durability", request.param)
        db.up()
    return str(request.param)


Action = Callable[[], None]
Cause = Callable[..., None]


@pytest.fixture
def cause(db: DatabaseStack, figures: list[Figures], durability: str) -> Cause:
    """Causes a fault several times under load; with `sync` no acknowledged write may be lost."""

    def repeat(name: str, fault: Action, rounds: int, before: Action = lambda: None) -> None:
        db.restart_client()
        found = Figures(f"{name}, `{durability}`")
        figures.append(found)
        for _ in range(rounds if durability == "sync" else FEW):
            db.settle()
            before()
            with db.measured() as measured:
                fault()
            found.gaps.append(measured.writes.longest_gap)
            found.reads.append(measured.reads.longest_gap)
            found.lost = len(db.lost())
            found.acknowledged = len(db.attempts("writes").acknowledged)
            print(found.row, [f"{gap:.1f}" for gap in found.gaps], flush=True)
        assert durability == "async" or found.lost == 0

    return repeat


def test_a_killed_server(db: DatabaseStack, cause: Cause) -> None:
    def fault() -> None:
        db.kubectl("exec", db.primary, "--", "sh", "-c", "kill -9 $(head -1 $PGDATA/postmaster.pid)")
        time.sleep(8)

    cause("primary killed (-9)", fault, ROUNDS)


def test_a_deleted_pod(db: DatabaseStack, cause: Cause) -> None:
    def fault() -> None:
        db.kubectl("delete", "pod", db.primary, "--grace-period=0", "--force")
        time.sleep(8)

    cause("pod of the primary deleted by force", fault, ROUNDS)


def test_a_node_without_power(db: DatabaseStack, cause: Cause) -> None:
    def fault() -> None:
        with powered_off(INSTANCE, db.node_of(db.primary)):
            time.sleep(POWER_AWAY_S)

    cause(
        f"node of the primary without power for {POWER_AWAY_S} s", fault, ROUNDS, lambda: place(db, away=True)
    )


def test_a_deleted_disk(db: DatabaseStack, cause: Cause) -> None:
    def fault() -> None:
        script = "kill -9 $(head -1 $PGDATA/postmaster.pid); rm -rf $PGDATA/*"
        db.kubectl("exec", db.primary, "--", "sh", "-c", script)
        time.sleep(8)

    cause("disk of the primary deleted", fault, ROUNDS)


def test_a_split_network(db: DatabaseStack, cause: Cause, durability: str) -> None:
    """A primary that reaches neither the API server nor the other member stops to accept writes.

    A client on the primary's own node goes on to write there: nothing acknowledges two histories at once.
    """

    def fault() -> None:
        old = db.primary
        with db.written_on(old) as local:
            node = db.node_of(old)
            cut = time.time()
            with _unreachable(node):
                time.sleep(SPLIT_S)
            db.settle()
            written = local()
        assert db.primary != old
        late = [attempt.ended for attempt in written.since(cut).all if attempt.ok]
        [first, *_] = [attempt.ended for attempt in db.attempts("writes").since(cut + 1).all if attempt.ok]
        lost = written.acknowledged - db.numbers("local")
        last = max(late, default=cut) - cut
        print(f"{len(late)} writes on the node, the last after {last:.1f} s, {len(lost)} lost;", end=" ")
        print(f"the other primary accepted writes after {first - cut:.1f} s", flush=True)
        assert last < first - cut, "two primaries accept writes"
        assert last < DEMOTED_S
        assert durability == "async" or not lost

    cause(f"node of the primary cut off for {SPLIT_S} s", fault, FEW, lambda: place(db, away=True))


def test_a_standby_without_power(db: DatabaseStack, cause: Cause) -> None:
    """With `sync`, commits wait until the standby counts as gone."""

    def fault() -> None:
        primary = db.primary
        [standby] = {"db-0-0", "db-1-0"} - {primary}
        with powered_off(INSTANCE, db.node_of(standby)):
            time.sleep(POWER_AWAY_S)
        assert db.primary == primary

    cause(
        f"node of the standby without power for {POWER_AWAY_S} s", fault, FEW, lambda: place(db, away=False)
    )


def test_the_api_server_away(db: DatabaseStack, cause: Cause) -> None:
    """The primary keeps its role, because it reaches every other member."""

    def fault() -> None:
        primary = db.primary
        with _stopped("kube-apiserver"):
            time.sleep(API_AWAY_S)
        assert db.primary == primary

    cause(f"API server away for {API_AWAY_S} s", fault, FEW)


def place(db: DatabaseStack, *, away: bool) -> None:
    """Have the primary on another node than the client, or on the same one."""
    if away == (db.node_of(db.primary) == db.node_of(db.client)):
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
