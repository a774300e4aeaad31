"""The use of a stack as a real Prometheus has measured it."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.platform import prometheus
from tests.conftest import started
from tests.e2e.conftest import Ending
from tests.e2e.load.attack import load
from tests.e2e.own_program import write_project
from tests.e2e.program.conftest import INSTANCE, Stack
from tests.e2e.sandbox.cluster import IMAGE

HERE = Path(__file__).parent / "project"
RATE = 20
LOAD_S = 150
"""Longer than two of the steps in which `measure` asks for a short history."""


class MeasuredStack(Stack):
    """The deployed stack of the program of these tests."""

    @property
    def namespace(self) -> str:
        return f"measured-{self.name}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, ending: Ending) -> Iterator[MeasuredStack]:
    directory = tmp_path_factory.mktemp("measured")
    backend = write_project(directory, "measured", HERE.glob("*.py"))
    environment = {**started("--prometheus"), "PULUMI_BACKEND_URL": backend}
    stack = MeasuredStack(f"test-{uuid.uuid4().hex[:6]}", directory, environment)
    config = {"kubernetes:context": INSTANCE.name, "measured:image": IMAGE}
    stack.file.write_text(yaml.safe_dump({"config": config}))
    stack.succeed("stack", "init")
    with stack.while_up(ending):
        yield stack


def measured(stack: Stack, *options: str) -> dict[str, Any]:
    words = (f"--prometheus={prometheus.url(INSTANCE)}", "--over=20m", "--history=1m", "--json", *options)
    done = stack.slipway("capacity", "measure", stack.name, *words)
    assert done.stdout, done.stderr
    [web] = json.loads(done.stdout)
    found: dict[str, Any] = web
    return found


def test_prometheus_has_the_use_and_the_requests_of_a_stack(stack: MeasuredStack) -> None:
    with load(stack.output("url"), RATE) as sent:
        time.sleep(LOAD_S)
    assert sent.failed == 0, sent
    found = measured(stack)
    assert found["requests_per_second_peak"] == pytest.approx(RATE, rel=0.2)
    assert 0.005 < found["cpu_peak"] < 0.1
    assert 5 * 2**20 < found["memory_peak"] < 64 * 2**20
    assert found["throttled"] is not None and 0 <= found["throttled"] < 1
    assert found["kills"] == 0


def test_a_counter_that_nobody_exposes_is_unknown(stack: MeasuredStack) -> None:
    assert measured(stack, "--requests=shop_orders_total")["requests_per_second_peak"] is None
