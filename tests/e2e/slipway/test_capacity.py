"""The use of a deployed stack: measured, recommended from, and shown in the status."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Ending
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack, new_stack, program
from tests.e2e.sandbox.cluster import eventually


@pytest.fixture(scope="module")
def stack(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Stack]:
    """The program with two replicas of web."""
    project = program(tmp_path_factory.mktemp("capacity"), sandbox)
    with new_stack(project, "capacity", build="app", web={"replicas": 2}).while_up(ending) as stack:
        yield stack


def slipway(stack: Stack, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        (sys.executable, "-m", "slipway", *arguments, f"--cwd={stack.directory}", stack.name),
        cwd=PROJECT, env=stack.environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def web(stack: Stack, *arguments: str) -> dict[str, Any]:
    _, output = slipway(stack, "capacity", *arguments, "--history=1m", "--json")
    found: list[dict[str, Any]] = json.loads(output)
    return next(item for item in found if item["workload"] == "web")


def test_the_status_shows_the_use_next_to_the_requests(stack: Stack) -> None:
    def shown() -> bool:
        line = r"web uses \S+ of 200m CPU and \S+ of 256Mi memory in 2 pods"
        return bool(re.search(line, slipway(stack, "status")[1]))

    eventually("the status shows the use", shown, 90)


def test_measured_use_becomes_a_recommendation_in_the_stack_file(stack: Stack) -> None:
    measured = web(stack, "measure", "--for=3m", "--every=10s")
    assert measured["refused"] == ""
    assert 0 < measured["memory_peak"] < 256 * 2**20
    proposed = web(stack, "recommend")["proposed"]
    assert measured["memory_peak"] <= proposed["memory_request"] <= 256 * 2**20
    slipway(stack, "capacity", "recommend", "--history=1m", "--write", "--key=cache=redis.resources")
    text = (stack.directory / f"Pulumi.{stack.name}.yaml").read_text()
    assert f"memory: {proposed['memory_request'] / 2**20:.0f}Mi" in text


def test_the_scheduler_of_the_cluster_is_compared_with_the_packed_nodes(sandbox: dict[str, str]) -> None:
    words = (f"--context={INSTANCE.name}", "--name=capacity-test", "--workloads=8", "--types=5", "--seeds=1")
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.capacity_scheduler", *words, "--time-limit=2"),
        cwd=PROJECT, env=sandbox, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert re.search(r"the scheduler left \d+ pods, and needed \d+ nodes more", done.stdout), done.stderr
    own = ("kubectl", "get", "nodes", "--selector=capacity-test-0", "--output=name")
    eventually(
        "no node of the simulation is left",
        lambda: not subprocess.check_output(own, env=sandbox, text=True),
    )
