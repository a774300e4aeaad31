"""The project's program as two stacks: one with secrets that are watched for, and a neighbour of it."""

import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.e2e.conftest import Ending
from tests.e2e.processes import process_files
from tests.e2e.program.conftest import PROJECT, Stack, new_stack, program

SHORT_LIVED = "an-argument-of-a-process-of-half-a-second"
VERBOSE = ("--logtostderr", "-v=3")
"""As verbose as Pulumi is without telling secrets: from 9 on the engine logs each value that it passes on."""


@dataclass(frozen=True)
class Watched:
    """A stack, its secrets, and the output and argument lists of its deployment."""

    stack: Stack
    canaries: tuple[str, ...]
    next: str
    """What its password and its login become in a preview."""
    printed: dict[str, str] = field(default_factory=dict)
    arguments: set[str] = field(default_factory=set)
    """The command lines of all processes of the machine while it was deployed."""


def canary(what: str) -> str:
    return f"canary-{what}-{uuid.uuid4().hex}"


@contextmanager
def arguments_seen(arguments: set[str]) -> Iterator[None]:
    """Collect the command lines of all processes that live for half a second of the block, or longer."""
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.1):
            arguments.update(process_files("cmdline").values())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="session")
def watched(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Watched]:
    """Deployed with a password, a registry login, and a build secret that occur nowhere else."""
    password, token, build = (canary(what) for what in ("redis", "registry", "build"))
    hosts = " ".join((os.environ.get("PIP_TRUSTED_HOST", ""), f"{build}.invalid")).strip()
    project = program(tmp_path_factory.mktemp("watched"), sandbox | {"PIP_TRUSTED_HOST": hosts})
    (project.directory / "app").unlink()
    shutil.copytree(PROJECT / "app", project.directory / "app")
    with (project.directory / "app/hitcounter/__init__.py").open("a") as source:
        source.write(f"# {uuid.uuid4()}, so that the image is built, with the build secret\n")
    stack = new_stack(project, "watched", build="app", web={"replicas": 1})
    case = Watched(stack, (password, token, build), canary("next"))
    events = project.directory / "events.json"
    try:
        with arguments_seen(case.arguments):
            for key, value in (("redisPassword", password), ("registryCredentials", f"someone:{token}")):
                stack.tell_secret(key, value)
            words = ("up", "--yes", "--skip-preview", *VERBOSE, f"--event-log={events}")
            done = stack.run(*words, PULUMI_DEBUG_COMMANDS="true")
            subprocess.run(("sh", "-c", "sleep 0.5", SHORT_LIVED), check=True)
        assert done.returncode == 0, done.stdout + done.stderr[-5000:]
        case.printed.update(log=done.stderr, output=done.stdout, events=events.read_text())
        yield case
    finally:
        ending(stack.destroy)


@pytest.fixture(scope="session")
def neighbour(watched: Watched, ending: Ending) -> Iterator[Stack]:
    """Another stack of the same program in the same cluster."""
    stack = new_stack(watched.stack, "neighbour", image=watched.stack.output("image"), web={"replicas": 1})
    with stack.while_up(ending):
        yield stack
