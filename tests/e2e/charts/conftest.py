"""A stack of the same cache from five sources, in a namespace of its own; and the command line on it."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.platform.instance import Instance
from tests.e2e.charts.charts import push

PROJECT = Path(__file__).parents[3]
PROGRAM = Path(__file__).parent / "project"
INSTANCE = Instance.from_environment()
SOURCES = ("directory", "registry", "release", "manifests", "kustomize")
HELM_SOURCES = ("directory", "registry", "release")


@dataclass(frozen=True)
class Stack:
    """One stack of the project, which it may change: the directory is a copy."""

    directory: Path
    namespace: str
    environment: Mapping[str, str]

    @classmethod
    def create(cls, directory: Path, program: Path, environment: Mapping[str, str]) -> "Stack":
        shutil.copytree(program, directory, dirs_exist_ok=True)
        for name in (".venv", "components"):
            (directory / name).symlink_to(PROJECT / name)
        (directory / "state").mkdir()
        backend = f"file://{directory}/state"
        namespace = f"charts-{uuid.uuid4().hex[:6]}"
        own = {**os.environ, **environment, "PULUMI_BACKEND_URL": backend}
        stack = cls(directory, namespace, own)
        stack.configure()
        stack.pulumi("stack", "init")
        return stack

    def configure(self, **config: Any) -> None:
        provider = {"kubernetes:context": INSTANCE.name, "kubernetes:namespace": self.namespace}
        own = {f"charts:{key}": value for key, value in config.items()}
        (self.directory / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": {**provider, **own}}))

    @contextmanager
    def restored(self, config: Mapping[str, Any]) -> Iterator[None]:
        """Put the project's files and the configuration back afterwards."""
        try:
            yield
        finally:
            self.configure(**config)
            shutil.copytree(PROGRAM, self.directory, dirs_exist_ok=True)

    def replace(self, file: str, old: str, new: str) -> None:
        """Change a text in one of the project's files."""
        path = self.directory / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def pulumi(self, *words: str) -> str:
        done = subprocess.run(
            ("pulumi", *words, "--stack", "dev", "--non-interactive"),
            cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def report(self) -> dict[str, Any]:
        """Preview the stack with `slipway`."""
        command = (sys.executable, "-m", "slipway", "preview", "--cwd", str(self.directory), "--json")
        done = subprocess.run(
            (*command, "--stack", "dev"),
            cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 2, 3), done.stdout + done.stderr
        [stack] = json.loads(done.stdout)["stacks"]
        return dict(stack)

    def kubectl(self, *words: str) -> str:
        return subprocess.check_output(
            ("kubectl", "--namespace", self.namespace, *words), env=self.environment, text=True
        )

    def memory_of(self, source: str) -> str:
        """The limit in the configuration that the pods of a source mount."""
        path = "jsonpath={.spec.template.spec.volumes[0].configMap.name}"
        mounted = self.kubectl("get", "deployment", deployment_of(source), "--output", path)
        configuration = self.kubectl("get", "configmap", mounted, "--output", r"jsonpath={.data.redis\.conf}")
        return configuration.split("maxmemory ")[1].strip()


def deployment_of(source: str) -> str:
    return "kustomize-cache" if source == "kustomize" else source


def values(**changed: Any) -> dict[str, Any]:
    """What the Helm sources are deployed with, some of it changed."""
    return {"image": "redis:7-bookworm", "memory": "16mb", "service": {"port": 6379}, **changed}


@pytest.fixture(scope="session")
def created(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose resources are not deployed yet; its chart has been pushed to the registry."""
    stack = Stack.create(tmp_path_factory.mktemp("charts"), PROGRAM, sandbox)
    stack.kubectl("create", "namespace", stack.namespace)
    yield stack
    stack.pulumi("destroy", "--yes", "--skip-preview", "--remove")
    stack.kubectl("delete", "namespace", stack.namespace, "--wait=false")


@pytest.fixture(scope="session")
def base(created: Stack) -> dict[str, Any]:
    """The configuration that is deployed first."""
    repository = push(INSTANCE.registry, f"charts/{created.namespace}", created.directory / "charts/cache")
    return {"sources": list(SOURCES), "values": values(), "repository": repository, "version": "0.1.0"}


@pytest.fixture(scope="session")
def deployed(created: Stack, base: dict[str, Any]) -> Stack:
    """The stack, deployed."""
    created.configure(**base)
    created.pulumi("up", "--yes", "--skip-preview")
    return created
