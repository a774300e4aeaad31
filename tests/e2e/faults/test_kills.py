"""Kill -9 at any moment, of any part: afterwards one command makes the stack what it should be.

Of the CLI alone: tests/e2e/delivery/promotion/test_recovery.py.
SEED=… repeats the moments of a run that failed; it is told with the failure.
"""

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import cgroups
from sandbox.processes import Supervisor
from tests.conftest import SOAK
from tests.e2e.faults.conftest import Breakable, is_as_wanted
from tests.e2e.program.conftest import INSTANCE, PROJECT
from tests.e2e.sandbox.killing import kill
from tests.e2e.soak import Kills

SEED = os.environ.get("SEED") or os.urandom(4).hex()
UPDATES, DESTROYS = (5, 2) if SOAK else (1, 1)
"""At how many moments of each command each victim is killed."""
SOME = {"up": ["a plugin", "everything"], "destroy": ["the API server"]}
"""Who is killed in the short form."""
Victims = Callable[[int, random.Random], list[int]]
VERSIONS = itertools.count(1)


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have, by their command lines."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has ended
            continue
        children.setdefault(parent, []).append(int(process.name))
    found = list(children.get(pid, []))
    for one in found:
        found.extend(children.get(one, []))
    return sorted(found, key=_command_line)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:  # it has ended
        return ""


def plugin(pid: int, rng: random.Random) -> list[int]:
    """One of the engine's plugins, or the program."""
    return [rng.choice(running)] if (running := descendants(pid)) else []


def platform(name: str) -> Victims:
    def running(pid: int, rng: random.Random) -> list[int]:
        return [one.pid for one in Supervisor(INSTANCE).processes() if one.name == name]

    return running


def everything(pid: int, rng: random.Random) -> list[int]:
    """As when the power goes: the CLI with all that it started, and the whole platform."""
    return [pid, *descendants(pid), *cgroups.processes(INSTANCE)]


VICTIMS: dict[str, Victims] = {
    "a plugin": plugin,
    "the API server": platform("kube-apiserver"),
    "the builder": platform("buildkitd"),
    "the registry": platform("registry"),
    "everything": everything,
}


def victims(command: str) -> list[str]:
    return list(VICTIMS) if SOAK else SOME[command]


@pytest.fixture(scope="module")
def seconds(breakable: Breakable) -> float:
    """How long an update takes that nobody disturbs; a destroy, which waits for pods to end, takes longer."""
    breakable.mark(SEED)
    breakable.change(next(VERSIONS))
    begun = time.monotonic()
    breakable.up()
    return time.monotonic() - begun


def disturb(stack: Breakable, command: str, victim: str, number: int, seconds: float) -> None:
    """Run a command and kill a victim at some moment of it, neither at once nor when it may be over."""
    rng = random.Random(f"{SEED} {command} {victim} {number}")  # noqa: S311 # chooses a moment
    moment = rng.uniform(0.15, 0.75) * seconds
    with stack.start(command) as process:
        try:
            time.sleep(moment)
            victims = VICTIMS[victim](process.pid, rng)
            print(f"SEED={SEED}: {victim} ({victims}) killed {moment:.2f} s into {command}")
            assert process.poll() is None and any(victims), "nothing was disturbed"
            kill(victims)
            print(process.communicate(timeout=200)[0][-3000:])
        finally:
            process.kill()
    platform_is_up()


def platform_is_up() -> None:
    """Its supervisor starts again what was killed; after a power cut that is the user's to do."""
    words = (sys.executable, "-m", "sandbox", "up")
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(UPDATES))
@pytest.mark.parametrize("victim", victims("up"))
def test_a_disturbed_update_is_finished_by_one_command(
    victim: str, number: int, breakable: Breakable, seconds: float, kills: Kills
) -> None:
    breakable.change(next(VERSIONS))
    with kills.one(victim, "up"):
        disturb(breakable, "up", victim, number, seconds)
        if victim == "everything":
            assert breakable.locks(), "nothing was left to mend"
        print(breakable.recover())
        is_as_wanted(breakable, SEED)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(DESTROYS))
@pytest.mark.parametrize("victim", victims("destroy"))
def test_a_disturbed_destroy_can_be_repeated(
    victim: str, number: int, breakable: Breakable, seconds: float, kills: Kills
) -> None:
    try:
        with kills.one(victim, "destroy"):
            disturb(breakable, "destroy", victim, number, seconds)
            print(breakable.recover("--no-up"))
            breakable.succeed("destroy", "--yes", "--skip-preview")
            assert breakable.known() == breakable.there() == set()
            assert breakable.locks() == []
    finally:
        breakable.up()
        breakable.mark(SEED)
    is_as_wanted(breakable, SEED)


def test_an_object_that_nobody_knows_would_be_found(breakable: Breakable) -> None:
    breakable.kubectl("create", "configmap", "planted")
    try:
        assert breakable.there() - breakable.known() == {"configmap/planted"}
    finally:
        breakable.kubectl("delete", "configmap", "planted")
