"""That a plan is applied exactly, or refused with nothing touched."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.slipway.preview.conftest import Stack

REVIEWED = {"door": {"metadata": {"labels": {"team": "shop"}}}}


def team(stack: Stack) -> str:
    return stack.kubectl("get", "service", "site", "-o", "jsonpath={.metadata.labels.team}")


@pytest.fixture(scope="module")
def reviewed(deployed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A plan for a label on the Service."""
    deployed.configure()
    deployed.specify(objects=REVIEWED)
    plans = tmp_path_factory.mktemp("plans")
    deployed.preview("--save-plan", str(plans))
    yield plans / "dev.json"
    deployed.specify()
    deployed.configure()
    deployed.pulumi("up", "--yes", "--skip-preview")


def relabelled(stack: Stack, label: str) -> None:
    stack.kubectl("label", "service", "site", label)


Edit = Callable[[Stack], object]


@pytest.mark.parametrize(
    ("edit", "undo", "reason"),
    [
        pytest.param(
            lambda stack: stack.specify(objects={"door": {"metadata": {"labels": {"team": "other"}}}}),
            lambda stack: stack.specify(objects=REVIEWED),
            "the program has changed",
            id="program",
        ),
        pytest.param(
            lambda stack: stack.configure(**{"corpus:key": "value"}),
            lambda stack: stack.configure(),
            "the stack file's configuration has changed",
            id="configuration",
        ),
        pytest.param(
            lambda stack: stack.kubectl("patch", "deployment", "site", "-p", '{"spec": {"paused": true}}'),
            lambda stack: stack.kubectl("patch", "deployment", "site", "-p", '{"spec": {"paused": null}}'),
            "Deployment site: spec.paused is true, was None",
            id="paused by hand",
        ),
        pytest.param(
            lambda stack: stack.kubectl("set", "env", "deployment/site", "HAND=made"),
            lambda stack: stack.kubectl("set", "env", "deployment/site", "HAND-"),
            "Deployment site: spec.template.spec.containers[0].env",
            id="variable by hand",
        ),
        pytest.param(
            lambda stack: relabelled(stack, "hand=made"),
            lambda stack: relabelled(stack, "hand-"),
            "Service door: metadata.labels.hand is made",
            id="label by hand",
        ),
    ],
)
def test_a_plan_is_refused_when_its_ground_has_changed(
    edit: Edit, undo: Edit, reason: str, deployed: Stack, reviewed: Path
) -> None:
    edit(deployed)
    try:
        done = deployed.slipway("apply", "--plan", str(reviewed))
        assert done.returncode == 1, done.stdout
        assert reason in " ".join(done.stderr.split()), done.stderr
        assert "Nothing was changed" in done.stderr
        assert team(deployed) == ""
    finally:
        undo(deployed)


def test_a_plan_is_applied_exactly_once(deployed: Stack, reviewed: Path) -> None:
    deployed.kubectl("rollout", "status", "deployment/site", "--timeout=60s")
    applied = deployed.slipway("apply", "--plan", str(reviewed), "--json")
    assert applied.returncode == 0, applied.stderr
    assert team(deployed) == "shop"
    again = deployed.slipway("apply", "--plan", str(reviewed))
    assert again.returncode == 1
    assert "the stack's state has changed" in " ".join(again.stderr.split())
