"""The use of a stack as a real Prometheus has measured it."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.platform import prometheus
from tests.conftest import started
from tests.e2e.conftest import Ending
from tests.e2e.load.attack import load
from tests.e2e.own_program import own_stack, write_project
from tests.e2e.program.conftest import INSTANCE, Stack
from tests.e2e.sandbox.cluster import IMAGE

HERE = Path(__file__).parent / "project"
RATE = 20
LOAD_S = 150
"""Longer than two of the steps in which `measure` asks for a short history."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, ending: Ending) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("measured")
    write_project(directory, "measured", HERE.glob("*.py"))
    with own_stack(Stack, directory, started("--prometheus"), image=IMAGE).while_up(ending) as stack:
        yield stack


def measured(stack: Stack, *options: str) -> dict[str, Any]:
    words = (f"--prometheus={prometheus.url(INSTANCE)}", "--over=20m", "--history=1m", "--json", *options)
    done = stack.slipway("capacity", "measure", stack.name, *words)
    assert done.stdout, done.stderr
    [web] = json.loads(done.stdout)
    found: dict[str, Any] = web
    return found


def test_prometheus_has_the_use_and_the_requests_of_a_stack(stack: Stack) -> None:
    with load(stack.output("url"), RATE) as sent:
        time.sleep(LOAD_S)
    assert sent.failed == 0, sent
    found = measured(stack)
    assert found["requests_per_second_peak"] == pytest.approx(RATE, rel=0.2)
    assert 0.005 < found["cpu_peak"] < 0.1
    assert 5 * 2**20 < found["memory_peak"] < 64 * 2**20
    assert found["throttled"] is not None and 0 <= found["throttled"] < 1
    assert found["kills"] == 0
    assert [item["limit"] for item in found["throttling"]] == [pytest.approx(0.1)], "the limit of its pods"


def test_a_counter_that_nobody_exposes_is_unknown(stack: Stack) -> None:
    assert measured(stack, "--requests=shop_orders_total")["requests_per_second_peak"] is None
