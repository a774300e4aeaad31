"""`docker compose up` in app/, where there is a Docker engine."""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.hits import hits
from tests.e2e.image.conftest import PROJECT

PORT = "15000"
URL = f"http://127.0.0.1:{PORT}"


def compose(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WEB_PORT": PORT, "COMPOSE_PROJECT_NAME": NAME}
    return subprocess.run(
        ("docker", "compose", *command), cwd=PROJECT / "app", env=environment, capture_output=True, text=True
    )


NAME = f"hits-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def running() -> Iterator[None]:
    try:
        missing = [what for what in ("info", "compose version") if _fails("docker", *what.split())]
    except FileNotFoundError:
        missing = ["docker"]
    if missing:
        pytest.skip(f"not run: no Docker engine with Compose ({missing[0]})")
    started = compose("up", "--build", "--detach", "--wait")
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield
    finally:
        compose("down", "--volumes", "--rmi", "local")


def _fails(*command: str) -> bool:
    return subprocess.run(command, capture_output=True).returncode != 0


def test_compose_runs_the_application_which_counts(running: None) -> None:
    first = hits(URL)
    assert hits(URL) > first


def test_the_count_outlives_a_restart_of_redis(running: None) -> None:
    before = hits(URL)
    time.sleep(1.5)  # appendfsync is everysec
    assert compose("restart", "redis").returncode == 0
    assert hits(URL) > before
