"""The repair of a stack on a Docker engine: what a killed update left behind."""

import os
from pathlib import Path
from typing import Any, cast

import pytest

from slipway.errors import CommandFailed, LockInUse, SlipwayError, StackLocked
from slipway.pulumi.project import ConfigValue, Stack
from slipway.pulumi.stack_cluster import cluster_of
from slipway.recovery import docker

CONFIG = {"hits:runtime": ConfigValue("docker", False)}


class FakeProject:
    name = "hits"

    def __init__(self, directory: Path) -> None:
        self.directory = directory


class FakeStack:
    """A stack whose state has one container."""

    name = "local"

    def __init__(self, directory: Path, locked: bool = False) -> None:
        self.project = FakeProject(directory)
        self.locked = locked
        self.commands: list[tuple[str, ...]] = []

    def state(self) -> dict[str, Any]:
        return {"deployment": {"resources": [{"urn": "urn:web", "id": "aaa"}, {"urn": "urn:stack"}]}}

    def command(self, *words: str) -> str:
        self.commands.append(words)
        if self.locked:
            raise StackLocked(self.name, "locked")
        return ""

    def cancel(self) -> None:
        self.commands.append(("cancel",))
        self.locked = False


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `docker` on PATH that records its calls, and lists two containers."""
    program, calls = tmp_path / "docker", tmp_path / "calls"
    listed = "aaa ${STATE:-running} web-1\\nbbb running web-2\\n"
    script = f'#!/bin/sh\necho "$DOCKER_HOST $*" >>{calls}\n[ "$1" != ps ] || printf "{listed}"\n'
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    calls.touch()
    return calls


def repair(stack: FakeStack, force: bool = False) -> list[str]:
    said: list[str] = []
    docker.repair(cast(Stack, stack), CONFIG, said.append, force)
    return said


def test_a_container_that_the_state_does_not_have_is_found(calls: Path, tmp_path: Path) -> None:
    remains = docker.find_remains(cast(Stack, FakeStack(tmp_path)), CONFIG)
    assert remains.containers == {"bbb": "web-2"}
    assert remains.describe() == ["container web-2 is not in the state: it will be removed"]
    assert "label=slipway/namespace=hits-local" in calls.read_text()


def test_the_configured_engine_and_namespace_are_used(calls: Path, tmp_path: Path) -> None:
    config = {
        **CONFIG,
        "docker:host": ConfigValue("ssh://you@machine", False),
        "hits:namespace": ConfigValue("shop", False),
    }
    docker.find_remains(cast(Stack, FakeStack(tmp_path)), config)
    assert calls.read_text().startswith("ssh://you@machine ps ")
    assert "label=slipway/namespace=shop" in calls.read_text()


def test_only_that_container_is_removed_and_no_volume(calls: Path, tmp_path: Path) -> None:
    stack = FakeStack(tmp_path)
    repair(stack)
    assert stack.commands == [("refresh", "--yes", "--skip-preview", "--clear-pending-creates")]
    removed = [line.strip() for line in calls.read_text().splitlines() if " ps " not in line]
    assert removed == ["rm --force bbb"]


def test_a_container_that_never_ran_is_made_again(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that was killed while it started the container refuses to start it."""
    monkeypatch.setenv("STATE", "created")
    stack = FakeStack(tmp_path)
    remains = docker.find_remains(cast(Stack, stack), CONFIG)
    assert "container web-1 never ran: it will be created again" in remains.describe()
    repair(stack)
    assert [command[0] for command in stack.commands] == ["refresh", "refresh"]
    assert "rm --force bbb aaa" in calls.read_text()


def test_nothing_is_removed_while_another_operation_may_run(calls: Path, tmp_path: Path) -> None:
    with pytest.raises(LockInUse):
        repair(FakeStack(tmp_path, locked=True))
    assert " rm " not in calls.read_text()


def test_a_forced_repair_breaks_the_lock_first(calls: Path, tmp_path: Path) -> None:
    stack = FakeStack(tmp_path, locked=True)
    repair(stack, force=True)
    assert ("cancel",) in stack.commands
    assert "rm --force bbb" in calls.read_text()


def test_an_engine_that_does_not_answer_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho no engine >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(CommandFailed, match="no engine"):
        docker.find_remains(cast(Stack, FakeStack(tmp_path)), CONFIG)


def test_other_commands_say_why_they_do_not_work() -> None:
    class Named:
        name = "local"
        project = FakeProject(Path())

    with pytest.raises(SlipwayError, match="runs on a Docker engine"):
        cluster_of(cast(Stack, Named()), CONFIG)
