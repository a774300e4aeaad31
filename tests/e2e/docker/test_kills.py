"""Kill -9 during an update of a stack on the Docker engine: afterwards one command repairs the stack.

SEED=… repeats the moments of a run that failed; the failure has the seed.
"""

import itertools
import random
import subprocess
import time
from functools import partial

import pytest

from tests.conftest import SOAK
from tests.e2e.docker.conftest import AS_DEPLOYED, TIMEOUT, DockerStack, engine_answers, engine_process
from tests.e2e.docker.test_local import URL
from tests.e2e.faults.test_kills import SEED, Choice
from tests.e2e.hits import hits
from tests.e2e.leftovers import locks, plugins
from tests.e2e.processes import descendants, process_files
from tests.e2e.sandbox.cluster import eventually
from tests.e2e.sandbox.killing import kill
from tests.e2e.soak import Kills, disturb

pytestmark = TIMEOUT


def plugin(pid: int, rng: random.Random) -> list[int]:
    lines = process_files("cmdline")
    return [child for child in descendants(pid) if "pulumi-resource-docker\0" in lines.get(child, "")]


VICTIMS: dict[str, tuple[Choice, int]] = {
    "the CLI, on Docker": (lambda pid, rng: [pid], 7),
    "the plugin, on Docker": (plugin, 7),
    "the engine, on Docker": (lambda pid, rng: [engine_process()], 6),
}
"""What is killed, and at how many moments in the long form: 20 in all."""
CHANGES = itertools.count()
POINTS = [
    (victim, number) for victim, (_, times) in VICTIMS.items() for number in range(times if SOAK else 1)
]


def change(stack: DockerStack) -> None:
    """Make the next update replace the containers of Redis and of the application."""
    number = next(CHANGES)
    redis = {**AS_DEPLOYED["redis"], "resources": {"limits": {"memory": f"{129 + number}Mi"}}}
    web = {"resources": {"limits": {"cpu": f"{300 + number}m"}}}
    stack.configure(**{**AS_DEPLOYED, "redis": redis}, web=web)


@pytest.fixture(scope="module")
def seconds(local: DockerStack) -> float:
    """Seconds of an update without a kill."""
    change(local)
    begun = time.monotonic()
    local.up()
    return time.monotonic() - begun


@pytest.mark.parametrize(("victim", "number"), POINTS)
def test_a_killed_update_is_finished_by_one_command(
    local: DockerStack, seconds: float, victim: str, number: int, kills: Kills
) -> None:
    rng = random.Random(f"{SEED} {victim} {number}")  # noqa: S311 # chooses a moment
    moment = rng.uniform(0.2, 0.85) * seconds
    before, expected = hits(URL), len(local.containers(""))
    with kills.record(victim, "up") as record:
        record.command_failed = disturb(partial(disturbed, local, victim, rng), moment)
        eventually("the engine answers", lambda: engine_answers(local))
        recovered = local.slipway("recover", local.name, "--yes")
        assert recovered.returncode == 0, recovered.stdout + recovered.stderr
        assert hits(URL) > before, "the volume is intact"
        assert len(local.containers("")) == expected
        assert locks(local.directory / "state", local.name) == []
        assert plugins(local.directory) == []
        local.unchanged()


def disturbed(stack: DockerStack, victim: str, rng: random.Random, moment: float) -> bool | None:
    """Run an update, kill a victim at some moment of it, and return whether the update failed.

    Returns None if the update had ended before that moment.
    """
    change(stack)
    words = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", stack.name)
    with subprocess.Popen(
        words, cwd=stack.directory, env=stack.environment, stdout=subprocess.PIPE, text=True
    ) as update:
        time.sleep(moment)
        try:
            victims = VICTIMS[victim][0](update.pid, rng)
            if update.poll() is not None or not any(victims):
                print(update.communicate(timeout=200)[0][-3000:])
                return None
            print(f"SEED={SEED}: {victim} ({victims}) killed {moment:.2f} s into the update")
            kill(victims)
            print(update.communicate(timeout=200)[0][-3000:])
        finally:
            update.kill()
    return update.returncode != 0
