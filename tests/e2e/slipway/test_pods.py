"""The logs, shells, one-off commands and forwarded ports of a deployed stack."""

import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.conftest import Ending
from tests.e2e.program.conftest import PROJECT, Stack, new_stack, program
from tests.e2e.sandbox.cluster import eventually

REACH_REDIS = """
import os, socket, time
for _ in range(30):  # a policy admits a new pod after a moment
    try:
        socket.create_connection((os.environ["REDIS_HOST"], 6379), 2)
        break
    except OSError:
        time.sleep(1)
else:
    raise SystemExit("Redis is unreachable")
"""


@pytest.fixture(scope="module")
def stack(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Stack]:
    """The program with two replicas of web."""
    project = program(tmp_path_factory.mktemp("pods"), sandbox)
    with new_stack(project, "pods", build="app", web={"replicas": 2}).while_up(ending) as stack:
        yield stack


def start(stack: Stack, command: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        (sys.executable, "-m", "slipway", command, f"--cwd={stack.directory}", stack.name, *arguments),
        cwd=PROJECT,
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def slipway(stack: Stack, command: str, *arguments: str) -> tuple[int, str, str]:
    process = start(stack, command, *arguments)
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, stderr


def pods(stack: Stack) -> set[str]:
    return set(stack.kubectl("get", "pods", "-l", "app.kubernetes.io/name=web", "-o", "name").split())


def test_the_logs_of_all_replicas_are_printed(stack: Stack) -> None:
    code, stdout, stderr = slipway(stack, "logs", "web", "--tail=5")
    assert code == 0, stderr
    assert {f"pod/{line.split()[0]}" for line in stdout.splitlines()} == pods(stack)


def test_followed_logs_show_a_new_line(stack: Stack) -> None:
    name = next(iter(pods(stack))).removeprefix("pod/")
    process = start(stack, "logs", "web", "-f")
    assert process.stdout
    try:
        process.stdout.readline()
        stack.kubectl("exec", name, "--", "sh", "-c", "echo a-new-line >/proc/1/fd/2")
        assert any(line.split() == [name, "a-new-line"] for line in process.stdout)
    finally:
        process.terminate()
        process.communicate()


def test_an_unknown_component_is_an_error_with_the_known_ones(stack: Stack) -> None:
    code, _, stderr = slipway(stack, "logs", "wbe")
    assert code == 1 and "cache, web" in stderr


def test_a_command_runs_in_a_pod_of_the_component(stack: Stack) -> None:
    code, stdout, _ = slipway(stack, "shell", "web", "--", "sh", "-c", "hostname; exit 3")
    assert (code, f"pod/{stdout.strip()}" in pods(stack)) == (3, True)


class TestRun:
    def test_it_reaches_what_the_component_reaches(self, stack: Stack) -> None:
        """The one-off pod has the environment, and the labels that the policy of Redis admits."""
        code, _, stderr = slipway(stack, "run", "web", "--", "python", "-c", REACH_REDIS)
        assert code == 0, stderr

    def test_output_and_exit_code_are_passed_on_and_the_pod_is_deleted(self, stack: Stack) -> None:
        code, stdout, _ = slipway(stack, "run", "web", "--", "sh", "-c", "echo done; exit 3")
        assert (code, stdout.strip()) == (3, "done")
        eventually("the one-off pod is deleted", lambda: "-run-" not in str(pods(stack)), 60)

    def test_its_pod_gets_no_requests(self, stack: Stack) -> None:
        addresses = ("get", "endpoints", "web", "-o", "jsonpath={.subsets[*].addresses[*].ip}")
        before = stack.kubectl(*addresses)
        process = start(stack, "run", "web", "--", "sleep", "600")
        try:
            eventually("the one-off pod runs", lambda: "-run-" in _running(stack), 60)
            assert sorted(stack.kubectl(*addresses).split()) == sorted(before.split())
        finally:
            process.terminate()
            process.communicate()
        eventually("the one-off pod is deleted", lambda: "-run-" not in _running(stack), 60)


def _running(stack: Stack) -> str:
    return stack.kubectl("get", "pods", "--field-selector=status.phase=Running", "-o", "name")


def test_a_component_is_opened_on_this_machine(stack: Stack) -> None:
    process = start(stack, "open", "--no-browser")
    assert process.stderr
    try:
        address = process.stderr.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address)
        assert "hits=" in httpx.get(address, params={"format": "text"}, timeout=10).text
    finally:
        process.terminate()
        process.communicate()
