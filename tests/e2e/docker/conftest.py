"""The project's program on the Docker engine of the sandbox, and the same application by Compose."""

import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sandbox.platform import docker_engine as platform_engine
from sandbox.platform.processes import Supervisor
from tests.conftest import started
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack, program

PORT, COMPOSE_PORT = 15080, 15081
TIMEOUT = pytest.mark.timeout(1800)
"""The first test waits until the tools are compiled, and the stack is deployed."""
KEPT = {"storage": "64Mi"}
AS_DEPLOYED: dict[str, Any] = {"build": "app", "redis": KEPT}


@dataclass(frozen=True)
class DockerStack(Stack):
    """A stack that runs on the engine."""

    settings: ClassVar = {}

    def configure(self, **config: Any) -> None:
        web = {"replicas": 1, "servicePort": PORT, **config.pop("web", {})}
        self.set(**{"runtime": "docker", "repository": f"{INSTANCE.registry}/hits", "web": web, **config})

    def docker(self, *command: str) -> str:
        return subprocess.check_output(("docker", *command), env=self.environment, text=True)

    def inspect(self, name: str) -> dict[str, Any]:
        """Return what the engine says of the only container whose name begins so."""
        [container] = self.containers(name)
        [found] = json.loads(self.docker("inspect", container))
        assert isinstance(found, dict)
        return found

    def containers(self, name: str) -> list[str]:
        """Return the ids of this stack's containers whose names begin so."""
        labelled = f"--filter=label=slipway/namespace={self.namespace}"
        return self.docker("ps", "--all", "--quiet", "--no-trunc", labelled, f"--filter=name=^{name}").split()

    @contextmanager
    def changed(self, **config: Any) -> Iterator[None]:
        """Configure it otherwise for a block, and deploy it as before at the end."""
        self.configure(**config)
        try:
            yield
        finally:
            self.configure(**AS_DEPLOYED)
            self.succeed("up", "--yes", "--skip-preview")

    def unchanged(self) -> None:
        """Check that a preview that asks the engine finds nothing to do."""
        self.succeed("preview", "--refresh", "--expect-no-changes")


def engine_process() -> int:
    """Return the process id of the sandbox's dockerd."""
    [pid] = [process.pid for process in Supervisor(INSTANCE).processes() if process.name == "dockerd"]
    return pid


def engine_answers(stack: DockerStack) -> bool:
    """Return whether the engine runs, and the containers that it starts again are healthy."""
    words = ("docker", "ps", "--all", "--format={{.Status}}")
    labelled = f"--filter=label=slipway/namespace={stack.namespace}"
    done = subprocess.run((*words, labelled), env=stack.environment, capture_output=True, text=True)
    return done.returncode == 0 and not re.search("starting|unhealthy|Restarting", done.stdout)


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """Start the engine of the sandbox, and return the environment of programs that use it."""
    if problems := platform_engine.problems(INSTANCE):
        pytest.skip(f"not run: {problems[0]}")
    return started("--docker")


@pytest.fixture(scope="session")
def local(engine: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerStack]:
    """A stack that builds, deployed; Redis keeps its content in a volume."""
    project = program(tmp_path_factory.mktemp("docker"), engine)
    stack = DockerStack(f"local-{uuid.uuid4().hex[:6]}", Path(project.directory), project.environment)
    stack.configure(**AS_DEPLOYED)
    stack.succeed("stack", "init")
    try:
        with stack.while_up() as up:
            yield up
    finally:
        stack.docker("volume", "rm", "--force", f"{stack.namespace}-cache-data")


@dataclass(frozen=True)
class Composed:
    """The Compose project of app/."""

    name: str
    environment: dict[str, str]

    def run(self, *command: str, **environment: str) -> None:
        words = ("docker", "compose", *command)
        subprocess.run(words, cwd=PROJECT / "app", env={**self.environment, **environment}, check=True)

    def up(self, **environment: str) -> None:
        self.run("up", "--detach", "--no-build", "--wait", **environment)


@pytest.fixture(scope="session")
def composed(engine: dict[str, str], local: DockerStack) -> Iterator[Composed]:
    """The same application by Compose, running the image that `local` has built."""
    if subprocess.run(("docker", "compose", "version"), env=engine, capture_output=True).returncode:
        pytest.skip("not run: no `docker compose`")
    name = f"parity-{uuid.uuid4().hex[:6]}"
    local.docker("tag", local.inspect("web-1")["Image"], f"{name}-web")
    project = Composed(name, {**engine, "WEB_PORT": str(COMPOSE_PORT), "COMPOSE_PROJECT_NAME": name})
    try:
        project.up()
        yield project
    finally:
        project.run("down", "--volumes")
        local.docker("rmi", f"{name}-web")
