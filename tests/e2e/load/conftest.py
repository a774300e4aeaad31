"""Two stacks of the same web service under load: one as the components make it, one without protection."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import SOAK
from tests.e2e.load.attack import Load
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack

VERSIONS = 20 if SOAK else 2
RATE = 100 if SOAK else 50
"""Requests in a second."""
FIGURES = PROJECT / "docs/soak.md"

Figures = Callable[[str, Load, Load | None], None]


class Service(Stack):
    """A deployed stack of the program for these tests."""

    def configure(self, **config: object) -> None:
        own = {f"load:{key}": value for key, value in config.items()}
        self.file.write_text(yaml.safe_dump({"config": {"kubernetes:context": INSTANCE.name, **own}}))

    @property
    def namespace(self) -> str:
        return f"load-{self.name}"

    def run_version(self, image: str) -> None:
        self.succeed("config", "set", "image", image)
        self.up()

    def ready(self) -> int:
        """How many pods are ready."""
        number = self.kubectl("get", "deployment/web", "--output=jsonpath={.status.readyReplicas}")
        return int(number or 0)

    def pods(self) -> list[str]:
        selector = "--selector=app.kubernetes.io/name=web"
        return self.kubectl("get", "pods", selector, "--output=name").split()


@pytest.fixture(scope="session")
def versions(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """References by digest of an image of app/, and of some in which one line has changed."""
    source = tmp_path_factory.mktemp("source") / "app"
    shutil.copytree(PROJECT / "app", source)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    secret = [f"--secret=id=ca,src={certificates}"] if certificates.exists() else []
    return [_build(sandbox, source, number, secret) for number in range(VERSIONS + 1)]


def _build(sandbox: dict[str, str], source: Path, number: int, secret: list[str]) -> str:
    (source / "hitcounter/__init__.py").write_text(f'"""Version {number}."""\n')
    metadata, tag = source.with_name("metadata.json"), f"{INSTANCE.registry}/load:v{number}"
    plugin = Path(sandbox["DOCKER_CONFIG"], "cli-plugins/docker-buildx")
    words = (
        "build",
        "--push",
        "--quiet",
        *secret,
        f"--metadata-file={metadata}",
        f"--tag={tag}",
        str(source),
    )
    subprocess.run((plugin, *words), env=sandbox, check=True)
    return f"{tag}@{json.loads(metadata.read_text())['containerimage.digest']}"


def project(directory: Path, program: Path) -> Path:
    """Make a directory a project with that program and the components, and a backend of its own."""
    (directory / "components").symlink_to(PROJECT / "components")
    shutil.copy(program / "__main__.py", directory)
    runtime = {"name": "python", "options": {"virtualenv": str(PROJECT / ".venv")}}
    (directory / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "load", "runtime": runtime}))
    (directory / "state").mkdir()
    return directory


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the service with and without protection."""
    return project(tmp_path_factory.mktemp("load"), Path(__file__).parent / "project")


def deployed(directory: Path, sandbox: dict[str, str], name: str, **config: object) -> Iterator[Service]:
    own = {"PULUMI_BACKEND_URL": f"file://{directory}/state"}
    stack = Service(f"{name}-{uuid.uuid4().hex[:6]}", directory, {**os.environ, **sandbox, **own})
    stack.configure(**config)
    stack.succeed("stack", "init")
    stack.up()
    yield stack
    stack.destroy()


@pytest.fixture(scope="module")
def safe(directory: Path, sandbox: dict[str, str], versions: list[str]) -> Iterator[Service]:
    """Two replicas with all that the components give them."""
    yield from deployed(directory, sandbox, "safe", image=versions[0], replicas=2, protected=True)


@pytest.fixture(scope="module")
def bare(directory: Path, sandbox: dict[str, str], versions: list[str]) -> Iterator[Service]:
    """The control: one replica, which says neither when it is ready nor serves on when it is told to stop."""
    yield from deployed(directory, sandbox, "bare", image=versions[0], replicas=1, protected=False)


@pytest.fixture(scope="session")
def figures() -> Iterator[Figures]:
    """Takes what was measured; `make soak` keeps it in docs/soak.md."""
    rows: list[str] = []

    def add(what: str, seen: Load, control: Load | None) -> None:
        print(f"{what}: {seen}; control: {control}")
        without = f"{control.failed:,} of {control.requests:,}" if control else ""
        rows.append(f"| {what} | {seen.requests:,} | {seen.failed:,} | {without} |")

    yield add
    if SOAK:
        head = "| | Requests | Failed | Failed without the protection |\n|---|---|---|---|\n"
        FIGURES.write_text(f"# Under load\n\nWritten by `make soak`.\n\n{head}" + "\n".join(rows) + "\n")
