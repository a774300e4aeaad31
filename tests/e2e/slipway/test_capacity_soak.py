"""Twenty minutes of recorded load: measured, recommended and deployed; a workload that leaks is not sized."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.cluster.quantities import amount
from tests.e2e import soak
from tests.e2e.conftest import Ending
from tests.e2e.load.attack import load
from tests.e2e.program.conftest import PROJECT, Stack, new_stack, program

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]
REQUESTS = [
    288,
    236,
    205,
    182,
    174,
    188,
    191,
    177,
    173,
    185,
    248,
    286,
    294,
    309,
    305,
    480,
    1995,
    1997,
    411,
    279,
]
"""Requests a second at the site of the World Cup on 8 July 1998, in twenty parts of the day."""
HIGHEST_RATE = 80
"""Requests a second in the highest part."""
PART_S = 60
GUESSED = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
BUDGET = 0.01
"""The share of periods that may be throttled, as `recommend` has it."""
LEAK = """
import time
kept = []
while True:
    kept.append(b"x" * 100_000)
    time.sleep(1)
"""
LEAKING = f"""
import pulumi
from components import Namespace, Worker

namespace = Namespace(f"slipway-{{pulumi.get_stack()}}")
image = pulumi.Config("slipway").require("image")
Worker("leak", namespace=namespace.name, image=image, command=["python3", "-c", {LEAK!r}])
"""


@pytest.fixture
def stack(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Stack]:
    """The program with guessed requests."""
    project = program(tmp_path_factory.mktemp("capacity"), sandbox)
    web = {"replicas": 2, "resources": GUESSED}
    with new_stack(project, "soak", build="app", web=web).while_up(ending) as stack:
        yield stack


@pytest.fixture
def leaking(
    stack: Stack, sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Stack]:
    """A worker of the same image, whose memory grows by 100 kB a second."""
    project = program(tmp_path_factory.mktemp("leak"), sandbox)
    main = project.directory / "__main__.py"
    main.unlink()
    main.write_text(LEAKING)
    with new_stack(project, "leak", image=stack.output("image")).while_up(ending) as stack:
        yield stack


def capacity(stack: Stack, *arguments: str) -> "subprocess.Popen[str]":
    command = (
        sys.executable,
        "-m",
        "slipway",
        "capacity",
        *arguments,
        f"--cwd={stack.directory}",
        stack.name,
    )
    return subprocess.Popen(
        command, cwd=PROJECT, env=stack.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def facts(process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    output, errors = process.communicate(timeout=600)
    assert output, errors
    found: list[dict[str, Any]] = json.loads(output)
    return found


def replay(stack: Stack, parts: list[int]) -> int:
    """Send the recorded requests, and return how many failed."""
    failed, url = 0, stack.output("url")
    for part in parts:
        with load(url, max(round(part / max(REQUESTS) * HIGHEST_RATE), 1)) as result:
            time.sleep(PART_S - 2)
        failed += result.failed
    return failed


def throttled(stack: Stack) -> float:
    """Return the share of the scheduler's periods in which the pods of web were throttled, from kubelets."""
    sums = dict.fromkeys(("throttled_periods", "periods"), 0.0)
    for node in stack.kubectl("get", "nodes", "--output=name").split():
        path = f"/api/v1/nodes/{node.removeprefix('node/')}/proxy/metrics/cadvisor"
        text = stack.kubectl("get", "--raw", path)
        own = rf'\{{[^}}]*container="web"[^}}]*namespace="{stack.namespace}"[^}}]*\}} (\S+)'
        for name in sums:
            values = re.findall(rf"^container_cpu_cfs_{name}_total{own}", text, re.MULTILINE)
            sums[name] += sum(map(float, values))
    assert sums["periods"], "the kubelets do not measure throttling"
    return sums["throttled_periods"] / sums["periods"]


def containers(stack: Stack) -> list[dict[str, Any]]:
    pods = json.loads(stack.kubectl("get", "pods", "--output=json"))["items"]
    return [status for pod in pods for status in pod["status"]["containerStatuses"]]


def test_a_recommendation_holds_under_recorded_load(stack: Stack, leaking: Stack) -> None:
    seconds = len(REQUESTS) * PART_S
    watched = [
        capacity(item, "measure", f"--for={seconds}s", "--every=15s", "--history=15m", "--json")
        for item in (stack, leaking)
    ]
    failed = replay(stack, REQUESTS)
    assert {item["refused"] for item in facts(watched[0])} == {""}
    facts(watched[1])

    leak = facts(capacity(leaking, "recommend", "--history=15m", "--json"))
    assert [(item["proposed"], "repair the leak" in item["refused"]) for item in leak] == [(None, True)]

    web = next(
        item
        for item in facts(capacity(stack, "recommend", "--history=15m", "--json"))
        if item["workload"] == "web"
    )
    for key in ("cpu", "memory"):
        assert web["proposed"][f"{key}_request"] < amount(GUESSED["requests"][key])

    words = ("recommend", "--history=15m", "--write", "--key=cache=redis.resources")
    output, errors = capacity(stack, *words).communicate(timeout=600)
    request = f"{web['proposed']['memory_request'] / 2**20:.0f}Mi"
    assert request in stack.file.read_text(), output + errors
    stack.up()
    later = replay(stack, REQUESTS[12:])
    assert [status["restartCount"] for status in containers(stack)] == [0] * len(containers(stack))
    share = throttled(stack)
    assert share <= BUDGET
    soak.write(
        "capacity",
        f"{seconds // 60} minutes of load, up to {HIGHEST_RATE} requests a second.",
        [
            ["", "Before", "After"],
            ["CPU request", GUESSED["requests"]["cpu"], f"{web['proposed']['cpu_request'] * 1000:.0f}m"],
            ["Memory request", GUESSED["requests"]["memory"], request],
            ["Requests that failed", str(failed), str(later)],
            ["Periods throttled", "", f"{share:.2%}"],
        ],
    )
