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
from functools import partial

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
from tests.e2e.soak import Kills, disturb

SEED = os.environ.get("SEED") or os.urandom(4).hex()
UPDATES, DESTROYS = (5, 2) if SOAK else (1, 1)
"""At how many moments of each command each victim is killed."""
SHARES = 0.15, 0.75
"""Between which shares of its time a command is disturbed: neither at once nor when it may be over."""
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


def disturbed(stack: Breakable, command: str, victim: str, rng: random.Random, moment: float) -> bool | None:
    """Run a command, kill a victim at some moment of it, and return whether the command failed.

    Returns None if the command had ended before that moment.
    """
    if command == "up":
        stack.change()
    else:
        stack.up()
    with stack.start(command) as process:
        try:
            time.sleep(moment)
            # Without a lock it has not begun, or only its end is left, where there is nothing to repair.
            while process.poll() is None and not stack.locks():
                time.sleep(0.05)
            victims = VICTIMS[victim](process.pid, rng)
            if process.poll() is not None or not any(victims):
                print(process.communicate(timeout=200)[0][-3000:])
                return None
            print(f"SEED={SEED}: {victim} ({victims}) killed {moment:.2f} s into {command}")
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
    rng = random.Random(f"{SEED} up {victim} {number}")  # noqa: S311 # chooses a moment
    with kills.record(victim, "up") as kill:
        kill.command_failed = disturb(
            partial(disturbed, breakable, "up", victim, rng), rng.uniform(*SHARES) * seconds
        )
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
    rng = random.Random(f"{SEED} destroy {victim} {number}")  # noqa: S311 # chooses a moment
    try:
        with kills.record(victim, "destroy") as kill:
            kill.command_failed = disturb(
                partial(disturbed, breakable, "destroy", victim, rng), rng.uniform(*SHARES) * seconds
            )
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
