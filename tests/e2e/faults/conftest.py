"""The project's whole program as a stack that is broken on purpose, and what must be true afterwards."""

import itertools
import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import Ending
from tests.e2e.leftovers import in_the_cluster, in_the_state, locks, plugins
from tests.e2e.program.conftest import PROJECT, Stack, program
from tests.e2e.sandbox.cluster import eventually

PASSWORD = "kept-whatever-happens"  # noqa: S105 # of a Redis that is gone after the tests


class Breakable(Stack):
    """A stack that builds its image, keeps data in Redis, and has a secret."""

    versions = itertools.count(1)

    def change(self) -> None:
        """Make the next update build an image, and change a Deployment, a StatefulSet and a ConfigMap."""
        number = next(self.versions)
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
        done = self.slipway("recover", self.name, "--yes", "--json", *options)
        assert done.returncode == 0, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def locks(self) -> list[Path]:
        return locks(self.directory / "state", self.name)

    def redis(self, *command: str) -> str:
        return self.kubectl("exec", "cache-0", "--", "redis-cli", *command).strip()

    def mark(self, value: str) -> None:
        """Leave something in Redis, which writes to its disk every second."""
        self.redis("set", "mark", value)
        time.sleep(1.5)

    def known(self) -> set[str]:
        return in_the_state(self.exported())

    def there(self) -> set[str]:
        return in_the_cluster(self.kubectl)

    def outside(self) -> set[str]:
        """Its namespace, and the volumes that are claimed from there."""
        volumes = json.loads(self.kubectl("get", "persistentvolumes", "--output=json"))["items"]
        claimed = {
            item["metadata"]["name"]
            for item in volumes
            if item["spec"]["claimRef"]["namespace"] == self.namespace and item["status"]["phase"] == "Bound"
        }
        return {*claimed, *self.kubectl("get", "namespace", self.namespace, "--ignore-not-found").split()}


@pytest.fixture(scope="session")
def breakable(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Breakable]:
    """Deployed, with something in Redis. Its source is a copy, so that it can change."""
    base = program(tmp_path_factory.mktemp("breakable"), sandbox)
    (base.directory / "app").unlink()
    shutil.copytree(PROJECT / "app", base.directory / "app")
    stack = Breakable(f"broken-{uuid.uuid4().hex[:6]}", base.directory, base.environment)
    stack.configure(build="app", redis={"storage": "64Mi"}, web={"replicas": 2})
    stack.succeed("stack", "init")
    stack.tell_secret("redisPassword", PASSWORD)
    with stack.while_up(ending):
        yield stack
        stack.recover("--no-up")  # what a test that failed has left


def is_settled(stack: Breakable) -> None:
    """Nobody works on the stack, it runs what it should, and it knows all that is there."""
    assert stack.locks() == []
    assert stack.changes() == []
    assert stack.there() == stack.known()


def is_as_wanted(stack: Breakable, mark: str) -> None:
    """The stack is settled, nothing runs on, and nothing is lost."""
    is_settled(stack)
    assert plugins(stack.directory) == []
    stack.kubectl("rollout", "status", "statefulset/cache", "--timeout=120s")
    assert eventually("Redis has its data", lambda: stack.redis("get", "mark"), seconds=60) == mark
    assert stack.succeed("config", "get", "redisPassword").strip() == PASSWORD
