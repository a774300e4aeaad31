"""A schedule trains in the cluster, and only ever proposes."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.models.conftest import Digits, Pipeline

pytestmark = pytest.mark.soak
RUN_S = 200
"""A minute until the schedule, and the training, on a machine that runs other tests too."""


@pytest.fixture
def scheduled(pipeline: Pipeline) -> Iterator[Digits]:
    """The stack that trains, each minute and on other data than those of the model that it serves."""
    dev = pipeline.dev
    before = dev.file.read_text()
    dev.variables(MISTAKE="held-out rows in the training")
    dev.succeed("config", "set", "schedule", "* * * * *")
    dev.up()
    yield dev
    dev.file.write_text(before)
    dev.up()


def proposal(dev: Digits) -> dict[str, Any]:
    done = dev.slipway("train", dev.name, "--scheduled", "--json")
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def ended(dev: Digits) -> list[str]:
    """Return the names of the runs that have ended without an output."""
    jobs = json.loads(dev.kubectl("get", "jobs", "--output=json"))["items"]
    return [job["metadata"]["name"] for job in jobs if job["status"].get("succeeded")]


def test_new_data_are_proposed_and_known_data_are_not(scheduled: Digits) -> None:
    dev, served = scheduled, scheduled.model
    assert proposal(dev)["changed"] is False, "no run has ended yet"
    deadline = time.monotonic() + RUN_S
    while not (proposed := proposal(dev))["changed"]:
        assert time.monotonic() < deadline
        time.sleep(2)
    assert proposed["model"] in dev.file.read_text()
    assert dev.model == served, "it is proposed, and not deployed"

    dev.up()
    assert str(dev.model) == proposed["model"]
    deadline = time.monotonic() + RUN_S
    while not (runs := ended(dev)):
        assert time.monotonic() < deadline
        time.sleep(2)
    log = dev.kubectl("logs", f"job/{runs[-1]}", "--container=digits")
    assert "the data are those of the model that is served" in log
    assert proposal(dev) == {"model": proposed["model"], "changed": False}
