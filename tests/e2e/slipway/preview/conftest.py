"""A stack of the corpus's program, small, deployed once; and the command line on it."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.platform.instance import Instance
from tests.e2e.conftest import Ending
from tests.e2e.slipway.corpus.cases import PROGRAM, base, merged

PROJECT = Path(__file__).parents[4]
CANARY = "planted-token-1"
PASSWORD = "planted-password-1"  # noqa: S105 # planted


@dataclass(frozen=True)
class Stack:
    """One stack in a directory, and what its program is to make."""

    directory: Path
    namespace: str
    environment: Mapping[str, str]

    def specify(self, **change: Any) -> None:
        """Say what differs from the base."""
        (self.directory / "spec.json").write_text(json.dumps(merged(small(self.namespace), change)))

    def configure(self, **config: str) -> None:
        settings = {"kubernetes:context": Instance.from_environment().name, **config}
        (self.directory / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": settings}))

    def slipway(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "slipway", words[0], "--cwd", str(self.directory), *words[1:])
        return subprocess.run(
            command, cwd=PROJECT, env=dict(self.environment), capture_output=True, text=True, check=False
        )

    def preview(self, *words: str, code: int = 2) -> str:
        done = self.slipway("preview", "--stack", "dev", *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def report(self, *words: str, code: int = 2) -> dict[str, Any]:
        [stack] = json.loads(self.preview("--json", *words, code=code))["stacks"]
        return dict(stack)

    def pulumi(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ("pulumi", *words, "--stack", "dev", "--non-interactive"),
            cwd=self.directory,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def kubectl(self, *words: str) -> str:
        return subprocess.check_output(
            ("kubectl", "--namespace", self.namespace, *words), env=dict(self.environment), text=True
        )

    def as_user(self, kubeconfig: Path) -> "Stack":
        return replace(self, environment={**self.environment, "KUBECONFIG": str(kubeconfig)})


def small(namespace: str) -> dict[str, Any]:
    """The base without what needs an image that was built; a Deployment and its Service instead."""
    spec = base()
    pod = spec["objects"]["agent"]["spec"]["template"]["spec"]
    labels = {"app": "site"}
    site = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "site"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
    door = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "site", "annotations": {"pulumi.com/skipAwait": "true"}},
        "spec": {"selector": labels, "ports": [{"port": 80}]},
    }
    objects = {name: spec["objects"][name] for name in ("greeting", "token", "archive")}
    return {
        "namespace": namespace,
        "cache": {**spec["cache"], "password": PASSWORD},
        "store": None,
        "web": None,
        "auto": None,
        "patch": {},
        "objects": {**objects, "site": site, "door": door},
    }


@pytest.fixture(scope="session")
def deployed(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Stack]:
    """The stack with the content of base.yaml, deployed."""
    directory, state = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("state")
    for name, target in {
        "__main__.py": PROGRAM / "__main__.py",
        "Pulumi.yaml": PROGRAM / "Pulumi.yaml",
        "components": PROJECT / "components",
        ".venv": PROJECT / ".venv",
    }.items():
        (directory / name).symlink_to(target)
    environment = {
        **os.environ,
        **sandbox,
        "PULUMI_BACKEND_URL": f"file://{state}",
        "CORPUS_SPEC": str(directory / "spec.json"),
    }
    stack = Stack(directory, f"preview-{uuid.uuid4().hex[:6]}", environment)
    stack.specify()
    stack.configure()
    stack.pulumi("stack", "init")
    stack.pulumi("up", "--yes", "--skip-preview")
    yield stack
    ending(lambda: stack.pulumi("destroy", "--yes", "--skip-preview", "--remove"))


@pytest.fixture
def stack(deployed: Stack) -> Iterator[Stack]:
    """The deployed stack; afterwards its program and configuration are those of the base again."""
    deployed.specify()
    deployed.configure()
    yield deployed
    deployed.specify()
    deployed.configure()
