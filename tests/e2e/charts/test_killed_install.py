"""After a kill -9 of Pulumi while Helm installs a release, one command makes the stack know the release."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.charts.conftest import PROGRAM, PROJECT, Stack, values
from tests.e2e.sandbox.cluster import eventually


@pytest.fixture
def installing(sandbox: dict[str, str], tmp_path: Path) -> Iterator[Stack]:
    """A stack with a release that is not deployed yet."""
    stack = Stack.create(tmp_path / "project", PROGRAM, sandbox)
    stack.configure(sources=["release"], values=values())
    stack.kubectl("create", "namespace", stack.namespace)
    yield stack
    stack.pulumi("destroy", "--yes", "--skip-preview", "--remove")
    stack.kubectl("delete", "namespace", stack.namespace, "--wait=false")


def records(stack: Stack, status: str = "") -> set[str]:
    """The releases that Helm knows, of all states or one."""
    selector = f"--selector=owner=helm{status and f',status={status}'}"
    return set(
        stack.kubectl(
            "get", "secrets", selector, "--output=jsonpath={.items[*].metadata.labels.name}"
        ).split()
    )


def kill_while_installing(stack: Stack) -> None:
    """Kill the CLI alone: its plugins live on."""
    words = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev")
    process = subprocess.Popen(
        words,
        cwd=stack.directory,
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually("Helm installs the release", lambda: records(stack, "pending-install"), seconds=120)
    process.kill()
    process.wait()


def recover(stack: Stack) -> str:
    done = subprocess.run(
        (sys.executable, "-m", "slipway", "recover", "dev", "--yes", "--cwd", str(stack.directory)),
        cwd=PROJECT, env=stack.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("named", [True, False])
def test_an_installation_that_finished_afterwards(installing: Stack, named: bool) -> None:
    if not named:
        installing.replace("__main__.py", 'Release("release", name="release", ', 'Release("release", ')
    kill_while_installing(installing)
    [release] = eventually("the plugin finishes", lambda: records(installing, "deployed"), seconds=120)
    said = recover(installing)
    assert f"Helm release {release} was installed but is not in the state" in said
    assert records(installing) == {release}
    installing.pulumi("preview", "--expect-no-changes")


def test_an_installation_that_did_not_finish_keeps_its_automatic_name(installing: Stack) -> None:
    installing.replace("__main__.py", 'Release("release", name="release", ', 'Release("release", ')
    kill_while_installing(installing)
    [release] = records(installing)
    recover(installing)
    assert records(installing) == {release}
    installing.pulumi("preview", "--expect-no-changes")
