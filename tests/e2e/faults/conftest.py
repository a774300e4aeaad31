"""The project's whole program as a stack that is broken on purpose, and what must be true afterwards."""

import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.program.conftest import PROJECT, Stack, program
from tests.e2e.sandbox.cluster import eventually

PASSWORD = "kept-whatever-happens"  # noqa: S105 # of a Redis that is gone after the tests
OF_THE_CLUSTER = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
PASSING = {"events", "events.events.k8s.io", "endpoints", "leases.coordination.k8s.io", "pods.metrics.k8s.io"}
"""Kinds that the cluster makes and that nobody has to clean up."""


class Breakable(Stack):
    """A stack that builds its image, keeps data in Redis, and has a secret."""

    def change(self, number: int) -> None:
        """Make the next update build an image, and change a Deployment, a StatefulSet and a ConfigMap."""
        (self.directory / "app/hitcounter/__init__.py").write_text(
            f'"""Version {number} of {self.name}."""\n'
        )
        config = yaml.safe_load(self.file.read_text())
        memory = {"cpu": "500m", "memory": f"{128 + number % 2 * 32}Mi"}
        config["config"]["slipway:redis"] = {"storage": "64Mi", "resources": {"limits": memory}}
        self.file.write_text(yaml.safe_dump(config))

    def start(self, command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ("pulumi", command, "--yes", "--skip-preview", "--non-interactive", "--stack", self.name),
            cwd=self.directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def recover(self, *options: str) -> dict[str, Any]:
        words = (sys.executable, "-m", "delivery", "recover", self.name, "--yes", "--json", *options)
        done = subprocess.run(
            (*words, f"--cwd={self.directory}"),
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def locks(self) -> list[Path]:
        return [
            path
            for path in (self.directory / "state/.pulumi/locks").rglob("*.json")
            if self.name in str(path)
        ]

    def redis(self, *command: str) -> str:
        return self.kubectl("exec", "cache-0", "--", "redis-cli", *command).strip()

    def mark(self, value: str) -> None:
        """Leave something in Redis, which writes to its disk every second."""
        self.redis("set", "mark", value)
        time.sleep(1.5)

    def in_the_cluster(self) -> set[str]:
        """Every object of the namespace that nobody else looks after, of whatever kind."""
        kinds = self.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
        wanted = ",".join(kind for kind in kinds if kind not in PASSING)
        items = json.loads(self.kubectl("get", wanted, "--output=json", "--ignore-not-found") or "{}")
        return {
            f"{one['kind'].lower()}/{one['metadata']['name']}"
            for one in items.get("items", [])
            if not one["metadata"].get("ownerReferences")
        } - OF_THE_CLUSTER

    def in_the_state(self) -> set[str]:
        """The objects of the namespace that the state knows, with those that a StatefulSet claims."""
        deployment = self.exported()
        assert not deployment.get("pending_operations")
        outputs = [one["outputs"] for one in deployment["resources"] if one["type"].startswith("kubernetes:")]
        known = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in outputs if "kind" in one}
        sets = [one for one in outputs if one.get("kind") == "StatefulSet"]
        claims = {f"persistentvolumeclaim/data-{one['metadata']['name']}-0" for one in sets}
        return {one for one in known if not one.startswith(("namespace/", "provider/"))} | claims


@pytest.fixture(scope="session")
def breakable(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breakable]:
    """Deployed, with something in Redis. Its source is a copy, so that it can change."""
    base = program(tmp_path_factory.mktemp("breakable"), sandbox)
    (base.directory / "app").unlink()
    shutil.copytree(PROJECT / "app", base.directory / "app")
    stack = Breakable(f"broken-{uuid.uuid4().hex[:6]}", base.directory, base.environment)
    stack.configure(build="app", redis={"storage": "64Mi"}, web={"replicas": 2})
    stack.succeed("stack", "init")
    stack.tell_secret("redisPassword", PASSWORD)
    stack.up()
    yield stack
    stack.destroy()


def is_as_wanted(stack: Breakable, mark: str) -> None:
    """The stack runs what it should, nothing is left over, and nothing is lost."""
    assert stack.locks() == []
    assert stack.changes() == []
    assert stack.in_the_cluster() == stack.in_the_state()
    stack.kubectl("rollout", "status", "statefulset/cache", "--timeout=120s")
    assert eventually("Redis has its data", lambda: stack.redis("get", "mark"), seconds=60) == mark
    assert stack.succeed("config", "get", "redisPassword").strip() == PASSWORD
