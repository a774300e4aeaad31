"""A stack on the Docker engine: it serves, it settles, and a bad version leaves the old one serving."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.docker.conftest import (
    AS_DEPLOYED,
    KEPT,
    PORT,
    TIMEOUT,
    DockerStack,
    engine_answers,
    engine_process,
)
from tests.e2e.hits import hits
from tests.e2e.sandbox.cluster import eventually

pytestmark = TIMEOUT

URL = f"http://127.0.0.1:{PORT}"


def test_it_counts_and_nothing_is_left_to_do(local: DockerStack) -> None:
    assert local.output("url") == f"http://127.0.0.1:{PORT}"
    first = hits(URL)
    assert hits(URL) > first
    local.unchanged()


def test_a_restart_of_a_container_is_no_difference(local: DockerStack) -> None:
    before = hits(URL)
    local.docker("restart", *local.containers("web-1"), *local.containers(f"{local.namespace}-cache$"))
    assert hits(URL) > before
    local.unchanged()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_restarts_is_no_difference(local: DockerStack, how: signal.Signals) -> None:
    """Its supervisor starts it again, and it starts the containers. The volume has what Redis kept."""
    before, known = hits(URL), local.containers("")
    engine = engine_process()
    os.kill(engine, how)
    eventually("the engine has ended", lambda: not Path(f"/proc/{engine}").exists())
    eventually("the engine answers", lambda: engine_answers(local))
    assert local.containers("") == known
    assert hits(URL) > before
    local.unchanged()


def test_a_killed_container_is_a_difference_that_an_update_repairs(local: DockerStack) -> None:
    before = hits(URL)
    local.docker("kill", *local.containers(f"{local.namespace}-cache$"))
    assert local.run("preview", "--refresh", "--expect-no-changes").returncode != 0
    local.succeed("up", "--yes", "--skip-preview", "--refresh")
    assert hits(URL) > before
    local.unchanged()


@pytest.mark.soak
def test_a_changed_value_replaces_one_container_only(local: DockerStack) -> None:
    local.configure(**AS_DEPLOYED)
    local.succeed("up", "--yes", "--skip-preview")
    before = set(local.containers(""))
    with local.changed(build="app", redis=KEPT, web={"resources": {"limits": {"cpu": "400m"}}}):
        local.succeed("up", "--yes", "--skip-preview")
        after = set(local.containers(""))
    assert len(before - after) == len(after - before) == 1


def test_no_secret_is_in_plain_text(local: DockerStack) -> None:
    variables = dict(
        entry.split("=", 1) for entry in local.inspect(f"{local.namespace}-cache$")["Config"]["Env"]
    )
    password = variables["REDISCLI_AUTH"]
    assert len(password) > 30
    state = "".join(path.read_text() for path in (local.directory / "state").rglob("*.json"))
    assert state
    assert password not in state
    assert password not in local.docker("image", "inspect", local.inspect("web-1")["Image"])


def test_redis_is_reached_by_its_clients_only(local: DockerStack) -> None:
    """The proxy shares a network with the web containers, and none with Redis."""
    proxy, web = local.containers(f"{local.namespace}-web$")[0], local.containers("web-1")[0]
    resolve = ("getent", "hosts", "cache")
    assert subprocess.run(("docker", "exec", web, *resolve), env=local.environment).returncode == 0
    assert subprocess.run(("docker", "exec", proxy, *resolve), env=local.environment).returncode != 0


def test_containers_have_no_way_out(local: DockerStack) -> None:
    connect = "import socket; socket.create_connection(('192.0.2.1', 80), 2)"
    done = subprocess.run(
        ("docker", "exec", *local.containers("web-1"), "python3", "-c", connect),
        env=local.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert "Network is unreachable" in done.stderr


def test_a_preview_knows_what_a_change_does(local: DockerStack) -> None:
    with local.changed(build="app", redis=KEPT, web={"serviceType": "NodePort", "public": "a test"}):
        done = local.slipway("preview", "--stack", local.name)
    assert "to everyone who can reach the machine" in done.stdout
    assert "dangerous" in done.stdout.lower()


@pytest.mark.parametrize("command", ["status", "history", "logs"])
def test_commands_for_clusters_say_so_in_one_sentence(local: DockerStack, command: str) -> None:
    done = local.slipway(command, local.name)
    assert "runs on a Docker engine" in done.stdout + done.stderr
