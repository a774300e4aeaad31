"""Kill -9 at any moment, of any part: afterwards one command makes the stack what it should be.

Of the CLI while it creates a stack: tests/e2e/slipway/promotion/test_recovery.py.
SEED=… repeats the moments of a run that failed; the failure has the seed.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from sandbox.platform import cgroups
from sandbox.platform.processes import Supervisor
from tests.conftest import SOAK
from tests.e2e.faults.conftest import Breakable, is_as_wanted
from tests.e2e.leftovers import plugins
from tests.e2e.processes import descendants
from tests.e2e.program.conftest import INSTANCE, PROJECT
from tests.e2e.sandbox.cluster import eventually
from tests.e2e.sandbox.killing import kill
from tests.e2e.soak import Kills

SEED = os.environ.get("SEED") or os.urandom(4).hex()
UPDATES, DESTROYS = (5, 2) if SOAK else (1, 1)
"""At how many moments of each command each victim is killed."""
SHORT_FORM = {"up": ["a plugin", "the builder", "the registry", "everything"], "destroy": ["the API server"]}
Choice = Callable[[int, random.Random], list[int]]
"""Returns the processes to kill, given the pid of the CLI."""


def plugin(pid: int, rng: random.Random) -> list[int]:
    """One of the engine's plugins, or the program."""
    return [rng.choice(running)] if (running := descendants(pid)) else []


def platform(name: str) -> Choice:
    def running(pid: int, rng: random.Random) -> list[int]:
        return [process.pid for process in Supervisor(INSTANCE).processes() if process.name == name]

    return running


def everything(pid: int, rng: random.Random) -> list[int]:
    """As when the power goes: the CLI with all that it started, and the whole platform."""
    return [pid, *descendants(pid), *cgroups.processes(INSTANCE)]


VICTIMS: dict[str, Choice] = {
    "the CLI": lambda pid, rng: [pid],
    "a plugin": plugin,
    "the API server": platform("kube-apiserver"),
    "the builder": platform("buildkitd"),
    "the registry": platform("registry"),
    "everything": everything,
}


def victims_of(command: str) -> list[str]:
    return list(VICTIMS) if SOAK else SHORT_FORM[command]


@pytest.fixture(scope="module")
def seconds(breakable: Breakable) -> float:
    """Seconds of an update without a kill; a destroy, which waits for pods to end, takes longer."""
    breakable.mark(SEED)
    breakable.change()
    begun = time.monotonic()
    breakable.up()
    return time.monotonic() - begun


def disturb(stack: Breakable, command: str, victim: str, number: int, seconds: float) -> bool:
    """Run a command and kill a victim at some moment of it, neither at once nor when it may be over.

    Returns whether the command failed.
    """
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
    if victim == "everything":
        done = sandbox("up")
        assert done.returncode == 0, done.stdout + done.stderr
    else:  # its supervisor starts again what was killed
        eventually("the platform is well", lambda: sandbox("status").returncode == 0, seconds=180)
    return process.returncode != 0


def sandbox(command: str) -> "subprocess.CompletedProcess[str]":
    words = (sys.executable, "-m", "sandbox", command)
    return subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=400)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(UPDATES))
@pytest.mark.parametrize("victim", victims_of("up"))
def test_a_disturbed_update_is_finished_by_one_command(
    victim: str, number: int, breakable: Breakable, seconds: float, kills: Kills
) -> None:
    breakable.change()
    with kills.record(victim, "up") as kill:
        kill.command_failed = disturb(breakable, "up", victim, number, seconds)
        if victim in ("the CLI", "everything"):
            assert breakable.locks(), "nothing was left to repair"
        print(breakable.recover())
        is_as_wanted(breakable, SEED)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(DESTROYS))
@pytest.mark.parametrize("victim", victims_of("destroy"))
def test_a_disturbed_destroy_can_be_repeated(
    victim: str, number: int, breakable: Breakable, seconds: float, kills: Kills
) -> None:
    try:
        with kills.record(victim, "destroy") as kill:
            kill.command_failed = disturb(breakable, "destroy", victim, number, seconds)
            print(breakable.recover("--no-up"))
            breakable.succeed("destroy", "--yes", "--skip-preview")
            assert breakable.known() == breakable.there() == set()
            assert breakable.outside() == set()
            assert breakable.locks() == []
            assert plugins(breakable.directory) == []
    finally:
        breakable.up()
        breakable.mark(SEED)
    is_as_wanted(breakable, SEED)


def test_an_orphan_would_be_found(breakable: Breakable) -> None:
    breakable.kubectl("create", "configmap", "planted")
    try:
        assert breakable.there() - breakable.known() == {"configmap/planted"}
    finally:
        breakable.kubectl("delete", "configmap", "planted")
