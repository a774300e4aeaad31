"""Redis, a job and a worker on the Docker engine: what waits for what, and what a failure leaves."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.docker.conftest import PORT, TIMEOUT, DockerStack
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.sandbox.cluster import IMAGE, eventually

pytestmark = TIMEOUT

MIGRATION = "redis incr migrations"
WORK = "while sleep 1; do redis incr beats; done"
SERVE = "exec python3 -m http.server 8000 --directory /srv"
REPORTED_WITHIN_S = 150
"""The components wait for 30 seconds; the rest is Pulumi's, and what other suites take at the same time."""


class System(DockerStack):
    """A stack of the program of these tests."""

    def set(self, **config: str) -> None:
        own = {"migration": MIGRATION, "work": WORK, "serve": SERVE, "port": str(PORT + 2), **config}
        super().set(**own)

    def redis(self, *words: str) -> str:
        [cache] = self.containers(f"{self.namespace}-cache$")
        return self.docker("exec", cache, "redis-cli", *words).strip()

    def fails(self) -> str:
        """Run an update that fails in time, and return its output."""
        begun = time.monotonic()
        failed = self.run("up", "--yes", "--skip-preview")
        text = failed.stdout + failed.stderr
        assert failed.returncode != 0, text
        assert time.monotonic() - begun < REPORTED_WITHIN_S, text
        return text


@contextmanager
def new_system(directory: Path, engine: dict[str, str]) -> Iterator[System]:
    """Make a stack that is not deployed, and leave nothing of it behind."""
    write_project(directory, "processes", [Path(__file__).parent / "project/__main__.py"])
    stack = own_stack(System, directory, engine)
    try:
        yield stack
    finally:
        stack.destroy()
        stack.docker("volume", "rm", "--force", f"{stack.namespace}-cache-data")


@pytest.fixture(scope="module")
def system(engine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A stack whose migration has run."""
    with new_system(tmp_path_factory.mktemp("processes"), engine) as stack:
        stack.up()
        yield stack


def test_a_redis_that_never_becomes_healthy_fails_the_update(engine: dict[str, str], tmp_path: Path) -> None:
    """The image has no Redis. What waits for Redis does not start; with the right image it does."""
    with new_system(tmp_path, engine) as stack:
        stack.set(redisImage=IMAGE)
        text = stack.fails()
        assert "redis-server: not found" in text, text
        assert not stack.containers("migrate") + stack.containers("tasks")
        stack.set()
        stack.up()
        assert stack.redis("get", "migrations") == "1"


def test_the_same_migration_never_runs_again(system: System) -> None:
    assert system.redis("get", "migrations") == "1"
    system.unchanged()
    system.up()
    assert system.redis("get", "migrations") == "1"


def test_a_worker_works(system: System) -> None:
    before = int(system.redis("get", "beats") or 0)
    eventually("the worker works", lambda: int(system.redis("get", "beats") or 0) > before)


def test_a_failed_migration_leaves_the_old_worker(system: System) -> None:
    before = system.containers("tasks")
    system.set(migration=f"{MIGRATION}; test $(redis get corrected) || {{ echo no column price; exit 3; }}")
    text = system.fails()
    assert "failed with exit code 3" in text
    assert "no column price" in text
    assert system.redis("get", "migrations") == "2"
    assert "no column price" in system.fails(), "it fails until something changes"
    assert system.redis("get", "migrations") == "2", "and does not run again"
    assert system.containers("tasks") == before
    system.redis("set", "corrected", "yes")
    [(container, update)] = re.findall(r"docker rm (\S+) && pulumi (up --refresh)", text)[:1]
    system.docker("rm", container)
    system.succeed(*update.split(), "--yes", "--skip-preview")
    assert system.redis("get", "migrations") == "3"
    system.unchanged()


@pytest.mark.soak
def test_a_migration_that_takes_too_long_is_stopped(system: System) -> None:
    before = system.containers("tasks")
    system.set(migration="echo begun; exec sleep 600")
    assert "begun" in system.fails()
    running = f"--filter=label=slipway/namespace={system.namespace}", "--filter=name=^migrate"
    assert not system.docker("ps", "--quiet", *running)
    assert system.containers("tasks") == before
    system.set()
    system.up()
    system.unchanged()


def test_a_version_that_is_not_healthy_leaves_the_old_one_serving(system: System) -> None:
    before = system.containers("web-1")
    system.set(serve="echo this version is broken; sleep 600")
    for _ in range(2):  # the second update must not take the failed container for a good one
        assert "this version is broken" in system.fails()
        assert httpx.get(f"http://127.0.0.1:{PORT + 2}/", timeout=10).status_code == httpx.codes.OK
    assert set(before) < set(system.containers("web-1"))
    system.set()
    system.up()
    assert len(system.containers("web-1")) == 1
    system.unchanged()


@pytest.mark.soak
def test_a_worker_that_ends_at_once_does_not_replace_the_old(system: System) -> None:
    before = system.containers("tasks")
    system.set(work="echo no such queue; exit 1")
    assert "no such queue" in system.fails()
    assert set(before) <= set(system.containers("tasks"))
    assert subprocess.run(("docker", "top", *before), env=system.environment).returncode == 0
    system.set()
    system.up()
    system.unchanged()
