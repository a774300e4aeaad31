"""The project's program as stacks of the test's own, on the real engine, builder, registry and cluster."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest
import yaml

from sandbox.platform.instance import Instance
from tests.e2e.conftest import Ending

PROJECT = Path(__file__).parent.parent.parent.parent
INSTANCE = Instance.from_environment()
LITTLE = {"requests": {"cpu": "100m", "memory": "128Mi"}}
"""What a web pod of a test asks for: the stacks of several suites have to fit on the nodes at once."""
PARTS = ("Pulumi.yaml", "__main__.py", "stack", "components", "app", ".venv")


@dataclass(frozen=True)
class Stack:
    """One stack, in a directory with the project's program."""

    settings: ClassVar = {"kubernetes:context": INSTANCE.name}
    """What every stack's file says."""

    name: str
    directory: Path
    environment: dict[str, str]

    @property
    def file(self) -> Path:
        return self.directory / f"Pulumi.{self.name}.yaml"

    @cached_property
    def project(self) -> str:
        name: str = yaml.safe_load((self.directory / "Pulumi.yaml").read_text())["name"]
        return name

    @property
    def namespace(self) -> str:
        return f"{self.project}-{self.name}"

    def set(self, **config: Any) -> None:
        """Write the stack's file with these keys, of the project unless they name another."""
        own = {key if ":" in key else f"{self.project}:{key}": value for key, value in config.items()}
        self.file.write_text(yaml.safe_dump({"config": self.settings | own}))

    def configure(self, **config: Any) -> None:
        """Write the stack's file for the repository's program."""
        web = {"resources": LITTLE, **config.pop("web", {})}
        self.set(**{"repository": f"{INSTANCE.registry}/hits", "web": web, **config})

    def tell_secret(self, key: str, value: str) -> None:
        """As a user would: on standard input, so that it is in no argument list."""
        words = ("pulumi", "config", "set", "--secret", key, "--stack", self.name)
        subprocess.run(words, cwd=self.directory, env=self.environment, input=value, text=True, check=True)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ("pulumi", *command, "--stack", self.name, "--non-interactive"),
            cwd=self.directory,
            env=self.environment | environment,
            capture_output=True,
            text=True,
        )

    def slipway(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (sys.executable, "-m", "slipway", command, *words, f"--cwd={self.directory}"),
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
        )

    def succeed(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self) -> None:
        self.succeed("up", "--yes", "--skip-preview")

    def output(self, name: str) -> str:
        return self.succeed("stack", "output", name).strip()

    def changes(self) -> list[str]:
        steps = json.loads(self.succeed("preview", "--json"))["steps"]
        return [step["urn"] for step in steps if step["op"] != "same"]

    def exported(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(self.succeed("stack", "export"))["deployment"]
        return state

    def kubectl(self, *command: str) -> str:
        return subprocess.check_output(
            ("kubectl", "--namespace", self.namespace, *command), env=self.environment, text=True
        )

    @contextmanager
    def while_up(self, ending: Ending = lambda work: work()) -> Iterator[Self]:
        """Deploy it for a block, and leave nothing of it behind, whatever fails."""
        try:
            self.up()
            yield self
        finally:
            ending(self.destroy)

    def destroy(self) -> None:
        self.succeed("destroy", "--yes", "--skip-preview", "--remove")


def program(directory: Path, environment: dict[str, str]) -> Stack:
    """Make a directory one with the program, and a backend of its own."""
    for part in PARTS:
        (directory / part).symlink_to(PROJECT / part)
    (directory / "state").mkdir()
    return Stack("", directory, {**environment, "PULUMI_BACKEND_URL": f"file://{directory}/state"})


@pytest.fixture(scope="session")
def project(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The program, for stacks of any name."""
    return program(tmp_path_factory.mktemp("project"), sandbox)


def new_stack(project: Stack, purpose: str, **config: Any) -> Stack:
    stack = Stack(f"{purpose}-{uuid.uuid4().hex[:6]}", project.directory, project.environment)
    stack.configure(**config)
    stack.succeed("stack", "init")
    return stack


@pytest.fixture(scope="session")
def dev(project: Stack, ending: Ending) -> Iterator[Stack]:
    """A stack that builds, deployed."""
    with new_stack(project, "dev", build="app", web={"replicas": 2}).while_up(ending) as stack:
        yield stack


@pytest.fixture(scope="session")
def promoted(project: Stack, dev: Stack, ending: Ending) -> Iterator[dict[str, Stack]]:
    """The stacks that run what dev has built, deployed at the same time."""
    image = dev.output("image")
    autoscaling = {"minReplicas": 2, "maxReplicas": 3}
    stacks = {
        "staging": new_stack(project, "staging", image=image, web={"replicas": 1}),
        "prod": new_stack(
            project, "prod", image=image, redis={"storage": "64Mi"}, web={"autoscaling": autoscaling}
        ),
    }
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Stack.up, stacks.values()))
        yield stacks
    finally:
        for stack in stacks.values():
            ending(stack.destroy)


@pytest.fixture(scope="session")
def staging(promoted: dict[str, Stack]) -> Stack:
    """A stack with one replica."""
    return promoted["staging"]


@pytest.fixture(scope="session")
def prod(promoted: dict[str, Stack]) -> Stack:
    """A stack with an autoscaler and a Redis that keeps its content."""
    return promoted["prod"]
