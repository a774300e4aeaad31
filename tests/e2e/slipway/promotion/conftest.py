"""Three stacks of the smallest program, in a project and a backend of their own."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sandbox.platform.instance import Instance
from tests.e2e.conftest import Ending
from tests.e2e.pushing import push

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent.parent.parent
INSTANCE = Instance.from_environment()
# Of each worker's own: a tag that another worker moves is what promotions refuse.
REPOSITORY = f"{INSTANCE.registry}/pm-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}/web"


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def receipt(self) -> dict[str, Any]:
        receipt: dict[str, Any] = json.loads(self.stdout)
        return receipt


@dataclass(frozen=True)
class Pipeline:
    """A project with stacks."""

    directory: Path
    environment: dict[str, str]
    suffix: str
    state: Path

    def stack(self, name: str) -> str:
        return f"{name}-{self.suffix}"

    def namespace(self, name: str) -> str:
        return f"pm-{self.stack(name)}"

    def file(self, name: str) -> Path:
        return self.directory / f"Pulumi.{self.stack(name)}.yaml"

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            (sys.executable, "-m", "slipway", *words),
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def slipway(self, *words: str) -> Result:
        process = self.start(*words)
        stdout, stderr = process.communicate()
        return Result(process.returncode, stdout, stderr)

    def promote(self, source: str, target: str, *words: str) -> Result:
        return self.slipway("promote", self.stack(source), self.stack(target), "--yes", "--json", *words)

    def history(self, name: str) -> list[dict[str, Any]]:
        done = self.slipway("history", self.stack(name), "--json")
        assert done.code == 0, done.stderr
        receipts: list[dict[str, Any]] = json.loads(done.stdout)
        return receipts

    def phase(self, name: str, number: int) -> str:
        """How far a receipt has come, asked for quickly; empty when it is not there yet."""
        words = ("configmap", f"{self.stack(name)}.{number}", "--ignore-not-found", "-o", "json")
        found = self.kubectl("get", "-n", "receipts-pm", *words)
        return str(json.loads(json.loads(found)["data"]["receipt.json"])["phase"]) if found else ""

    def pulumi(self, name: str, *words: str) -> str:
        done = subprocess.run(
            ("pulumi", *words, "--stack", self.stack(name), "--non-interactive"),
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy(self, name: str, image: str) -> None:
        self.pulumi(name, "config", "set", "image", image)
        self.pulumi(name, "up", "--yes", "--skip-preview")

    def freshen(self, name: str, image: str) -> None:
        """Let a stack run an image, whatever the test before left."""
        if self.running(name) != {digest(image)} or self.changes(name):
            self.deploy(name, image)

    def changes(self, name: str) -> list[str]:
        steps = json.loads(self.pulumi(name, "preview", "--json"))["steps"]
        return [step["urn"] for step in steps if step["op"] != "same"]

    def remove(self, name: str) -> None:
        """Destroy a stack, whatever runs on it, and forget its receipts."""
        stack = self.stack(name)
        words = ("pulumi", "cancel", "--yes", "--stack", stack)
        subprocess.run(words, cwd=self.directory, env=self.environment)
        self.pulumi(name, "destroy", "--yes", "--skip-preview", "--remove")
        self.kubectl("delete", "configmap", "-n", "receipts-pm", "-l", f"slipway.dev/receipt-of={stack}")

    def kubectl(self, *words: str) -> str:
        return subprocess.check_output(("kubectl", *words), env=self.environment, text=True)

    def running(self, name: str) -> set[str]:
        """The digests of the pods that serve, as the container runtime names them."""
        pods = json.loads(self.kubectl("get", "pods", "-n", self.namespace(name), "-o", "json"))["items"]
        return {
            digest(status["imageID"])
            for pod in pods
            if "deletionTimestamp" not in pod["metadata"]
            for status in pod["status"]["containerStatuses"]
        }

    @contextmanager
    def load(self, name: str) -> Iterator[list[str]]:
        """Ask a stack's Service 20 times a second; yields the answers that were not 200."""
        address = self.kubectl(
            "get", "service", "web", "-n", self.namespace(name), "-o", "jsonpath={.spec.clusterIP}"
        )
        failed: list[str] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.wait(0.05):
                try:
                    answer = httpx.get(f"http://{address}/", timeout=10)
                    if answer.status_code != 200:
                        failed.append(f"{answer.status_code} {answer.text.strip()}")
                except httpx.HTTPError as error:
                    failed.append(repr(error))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield failed
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="session")
def images(sandbox: dict[str, str]) -> dict[str, str]:
    """References by digest of each version: good ones and bad ones."""
    found, session = {}, f"--build-arg=SESSION={uuid.uuid4().hex}"
    for mode in ("one", "two", "broken", "rising", "crash", "slow"):
        provenance = f"--provenance={'mode=max' if mode == 'two' else 'false'}"
        options = (f"--build-arg=MODE={mode}", session, provenance)
        found[mode] = push(sandbox, f"{REPOSITORY}:{mode}", HERE / "app", *options)
    return found


@pytest.fixture(scope="session")
def pipeline(
    sandbox: dict[str, str],
    images: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    ending: Ending,
) -> Iterator[Pipeline]:
    """The stacks dev, staging and prod, each running version one."""
    directory = tmp_path_factory.mktemp("promotion")
    shutil.copy(HERE / "project/__main__.py", directory)
    options = {"toolchain": "pip", "virtualenv": sys.prefix}
    repository = {"type": "string", "default": REPOSITORY}
    project = {
        "name": "pm",
        "runtime": {"name": "python", "options": options},
        "config": {"repository": repository},
    }
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    state = tmp_path_factory.mktemp("state")
    own = {"PULUMI_BACKEND_URL": f"file://{state}", "PYTHONPATH": str(PROJECT)}
    made = Pipeline(directory, {**os.environ, **sandbox, **own}, uuid.uuid4().hex[:6], state)
    names = ("dev", "staging", "prod")
    for name in names:
        made.file(name).write_text(
            f"# {name}\nconfig:\n  kubernetes:context: {INSTANCE.name}  # pinned\n"
            f"  pm:image: {images['one']}  # what runs\n  pm:greeting: {name}\n"
        )
        made.pulumi(name, "stack", "init")
    updates = [subprocess.Popen(_up(made, name), cwd=directory, env=made.environment) for name in names]
    assert [update.wait() for update in updates] == [0, 0, 0]
    yield made
    for name in names:
        ending(partial(made.remove, name))


@pytest.fixture
def fresh(pipeline: Pipeline, images: dict[str, str]) -> Pipeline:
    """Dev runs version two, staging version one, whatever the test before left."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(pipeline.freshen, ("dev", "staging"), (images["two"], images["one"])))
    return pipeline


def digest(image: str) -> str:
    return image.rpartition("@")[2]


def _up(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    return ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", pipeline.stack(name))


def wait_for(condition: Any, timeout_s: float = 120) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.1)
