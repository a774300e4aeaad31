"""After a kill -9 of Pulumi, at any point, one command brings the stack to what it should be."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.conftest import SOAK
from tests.e2e.leftovers import in_the_cluster, in_the_state, locks, plugins
from tests.e2e.slipway.promotion.conftest import INSTANCE, Pipeline
from tests.e2e.soak import Kills, disturb

KILLS = 10 if SOAK else 1
"""At how many points of an update, and of a destroy, spread over its length."""


@pytest.fixture(scope="module")
def crashing(pipeline: Pipeline, images: dict[str, str]) -> Iterator[Pipeline]:
    """A stack that is configured and not deployed."""
    pipeline.file("crash").write_text(
        f"config:\n  kubernetes:context: {INSTANCE.name}\n  pm:image: {images['one']}\n"
    )
    pipeline.pulumi("crash", "stack", "init")
    yield pipeline
    pipeline.pulumi("crash", "destroy", "--yes", "--skip-preview", "--remove")


@pytest.fixture(scope="module")
def seconds(crashing: Pipeline) -> dict[str, float]:
    """Seconds of an update and a destroy without a kill."""
    took = {}
    for command in ("up", "destroy"):
        begun = time.monotonic()
        crashing.pulumi("crash", command, "--yes", "--skip-preview")
        took[command] = time.monotonic() - begun
    return took


def killed(pipeline: Pipeline, command: str, moment: float) -> bool | None:
    """Kill the CLI alone: its plugins live on, as they do when the kernel kills it for want of memory.

    Returns None if the command had ended before that moment, True otherwise: a killed command has failed.
    """
    pipeline.pulumi("crash", {"up": "destroy", "destroy": "up"}[command], "--yes", "--skip-preview")
    process = subprocess.Popen(
        (
            "pulumi",
            command,
            "--yes",
            "--skip-preview",
            "--non-interactive",
            "--stack",
            pipeline.stack("crash"),
        ),
        cwd=pipeline.directory,
        env=pipeline.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(moment)
    # Without a lock it has not begun, or only its end is left, where there is nothing to repair.
    while process.poll() is None and not locks(pipeline.state, pipeline.stack("crash")):
        time.sleep(0.05)
    ended = process.poll() is not None
    process.send_signal(signal.SIGKILL)
    process.wait()
    return None if ended else True


def known_and_there(pipeline: Pipeline) -> tuple[set[str], set[str]]:
    """The objects in the state, and the objects in the cluster."""
    kubectl = partial(pipeline.kubectl, "--namespace", pipeline.namespace("crash"))
    deployment = json.loads(pipeline.pulumi("crash", "stack", "export"))["deployment"]
    return in_the_state(deployment), in_the_cluster(kubectl)


@pytest.mark.parametrize("point", range(KILLS))
def test_one_command_repairs_a_killed_update(
    point: int, crashing: Pipeline, seconds: dict[str, float], kills: Kills
) -> None:
    with kills.record("the CLI, creating", "up") as kill:
        moment = seconds["up"] * (point + 1) / (KILLS + 2)
        kill.command_failed = disturb(partial(killed, crashing, "up"), moment)
        done = crashing.slipway("recover", crashing.stack("crash"), "--yes")
        assert done.code == 0, done.stderr
        known, there = known_and_there(crashing)
        assert known == there, done.stderr
        assert crashing.changes("crash") == []
        assert locks(crashing.state, crashing.stack("crash")) == []
        assert plugins(crashing.directory) == []


@pytest.mark.parametrize("point", range(KILLS))
def test_a_killed_destroy_can_be_repeated(
    point: int, crashing: Pipeline, seconds: dict[str, float], kills: Kills
) -> None:
    with kills.record("the CLI", "destroy") as kill:
        moment = seconds["destroy"] * (point + 1) / (KILLS + 2)
        kill.command_failed = disturb(partial(killed, crashing, "destroy"), moment)
        done = crashing.slipway("recover", crashing.stack("crash"), "--yes", "--no-up")
        assert done.code == 0, done.stderr
        crashing.pulumi("crash", "destroy", "--yes", "--skip-preview")
        assert known_and_there(crashing) == (set(), set())


def test_a_lock_of_a_process_that_runs_is_left_alone(crashing: Pipeline) -> None:
    words = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive")
    process = subprocess.Popen(
        (*words, "--stack", crashing.stack("crash")), cwd=crashing.directory, env=crashing.environment
    )
    while not locks(crashing.state, crashing.stack("crash")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGSTOP)  # or it might end before recover looks
    try:
        done = crashing.slipway("recover", crashing.stack("crash"), "--yes")
    finally:
        process.send_signal(signal.SIGCONT)
    assert done.code == 1
    assert f"process {process.pid}" in done.stderr and "nothing was changed" in done.stderr
    assert process.wait() == 0


def test_a_lock_that_is_half_written(crashing: Pipeline) -> None:
    """The engine reads no owner from it: another pulumi writes it just now, or died while it did."""
    stack = crashing.stack("crash")
    lock = crashing.state / f".pulumi/locks/organization/pm/{stack}/half.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text('{"pid":')
    refused = crashing.slipway("recover", stack, "--yes", "--no-up")
    assert refused.code == 1 and "does not name the owner of the lock" in refused.stderr, refused.stderr
    assert "unexpected end of JSON input" not in refused.stderr
    forced = crashing.slipway("recover", stack, "--yes", "--no-up", "--force-unlock")
    assert forced.code == 0 and locks(crashing.state, stack) == [], forced.stderr
    lock.write_text("")
    ending = threading.Timer(1.0, lock.unlink)
    ending.start()
    waited = crashing.slipway("recover", stack, "--yes", "--no-up")
    ending.join()
    assert waited.code == 0, waited.stderr
