"""A Pulumi project of its own around one AppImage, on the real engine, builder and registry."""

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.platform.images import MANIFESTS
from sandbox.platform.instance import Instance

PROJECT = Path(__file__).parent.parent.parent.parent
REGISTRY = Instance.from_environment().registry

PROGRAM = """
import json, os, sys
sys.path.insert(0, os.environ["COMPONENTS"])
from pathlib import Path
import pulumi
from components import AppImage
from slipway.images.registry import RegistryUnavailable, Repository
def refuse(*_):
    raise RegistryUnavailable("this machine has no way to the registry")
if "WITHOUT_REGISTRY" in os.environ:
    Repository.digest = refuse
arguments = json.loads(os.environ["ARGUMENTS"])
image = AppImage("web", context=Path(arguments.pop("context")), **arguments)
pulumi.export("ref", image.ref)
pulumi.export("image", image.ref)
pulumi.export("tag", image.tag)
"""


@dataclass
class Project:
    """Runs `pulumi` on a stack with one AppImage."""

    directory: Path
    environment: dict[str, str]
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        self.directory.mkdir()
        runtime = {"name": "python", "options": {"virtualenv": str(PROJECT / ".venv")}}
        (self.directory / "Pulumi.yaml").write_text(json.dumps({"name": "image-test", "runtime": runtime}))
        (self.directory / "__main__.py").write_text(PROGRAM)

    @property
    def repository(self) -> str:
        return str(self.arguments["repository"])

    def run(self, *command: str, umask: int = 0o022) -> subprocess.CompletedProcess[str]:
        arguments = {"COMPONENTS": str(PROJECT), "ARGUMENTS": json.dumps(self.arguments)}
        return subprocess.run(
            ["pulumi", *command],
            cwd=self.directory,
            env={**self.environment, **arguments},
            umask=umask,
            capture_output=True,
            text=True,
        )

    def succeed(self, *command: str, umask: int = 0o022) -> str:
        done = self.run(*command, umask=umask)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def preview(self, umask: int = 0o022) -> dict[str, str]:
        """Return the operation planned for each kind of resource."""
        steps = json.loads(self.succeed("preview", "--json", umask=umask))["steps"]
        return {step["urn"].split("::")[2].rsplit(":", 1)[-1]: step["op"] for step in steps}

    def up(self, umask: int = 0o022) -> dict[str, int]:
        """Return how many resources went through each operation."""
        self.succeed("up", "--yes", "--skip-preview", umask=umask)
        history = json.loads(self.succeed("stack", "history", "--json", "--page-size=1"))
        changes: dict[str, int] = history[0]["resourceChanges"]
        return changes

    def output(self, name: str) -> str:
        return self.succeed("stack", "output", name).strip()


def manifest(reference: str) -> httpx.Response:
    """Ask the registry for the manifest of repository:tag or repository@digest."""
    name, _, tag = reference.removeprefix(f"{REGISTRY}/").replace("@", ":", 1).partition(":")
    return httpx.get(f"http://{REGISTRY}/v2/{name}/manifests/{tag}", headers={"Accept": MANIFESTS})


def forget(repository: str, digest: str) -> None:
    """Make the registry lose an image."""
    name = repository.removeprefix(f"{REGISTRY}/")
    assert httpx.delete(f"http://{REGISTRY}/v2/{name}/manifests/{digest}").status_code == 202


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A small context whose image needs no base image."""
    root = tmp_path / "source"
    (root / "src").mkdir(parents=True)
    (root / "Dockerfile").write_text("FROM scratch\nARG GREETING=hello\nLABEL greeting=$GREETING\nCOPY . /\n")
    (root / ".dockerignore").write_text("**/*.pyc\n.git\n")
    (root / "src/main.py").write_text("print(1)\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


@pytest.fixture
def project(tmp_path: Path, context: Path, sandbox: dict[str, str]) -> Iterator[Project]:
    """A project whose stack is removed again afterwards."""
    name = uuid.uuid4().hex[:8]
    stack = f"organization/image-test/{name}"
    environment = {**os.environ, **sandbox, "PULUMI_STACK": stack}
    arguments = {"context": str(context), "repository": f"{REGISTRY}/image-test/{name}"}
    project = Project(tmp_path / "project", environment, arguments)
    project.succeed("stack", "init", stack)
    yield project
    project.succeed("stack", "rm", "--yes", "--force", stack)  # the registry keeps its images in any case
