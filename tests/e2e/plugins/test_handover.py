"""A stack goes from stand-ins to official plugins and back without a change; both take the same steps."""

import shlex
import subprocess
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.plugins.origins import OFFICIAL, STAND_IN, environment
from tests.e2e.plugins.pulumi_project import Project
from tests.e2e.plugins.scenarios import SCENARIOS, Stage

PROGRAMS = Path(__file__).parent / "programs"
TURNS = ((STAND_IN,), (OFFICIAL,), (STAND_IN, OFFICIAL), (OFFICIAL, STAND_IN))
"""Who performs the stages, in turn."""

Environments = Callable[[str], Mapping[str, str]]


@pytest.fixture(scope="module")
def environments(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Environments:
    made: dict[str, Mapping[str, str]] = {}

    def of(origin: str) -> Mapping[str, str]:
        if origin not in made:
            made[origin] = environment(sandbox, origin, "kubernetes", tmp_path_factory.mktemp(origin))
        return made[origin]

    return of


@pytest.fixture
def name() -> str:
    return f"turns-{uuid.uuid4().hex[:8]}"


@pytest.mark.parametrize("turns", TURNS, ids="-to-".join)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_stack_changes_hands_without_changes_and_takes_the_same_steps(
    environments: Environments, tmp_path: Path, name: str, scenario: str, turns: tuple[str, ...]
) -> None:
    actors = [environments(origin) for origin in turns]
    project = Project(tmp_path / "project", actors[0])
    project.write("__main__.py", (PROGRAMS / f"{scenario}.py").read_text())
    project.pulumi("config", "set", "namespace", name)
    try:
        for number, stage in enumerate(SCENARIOS[scenario]):
            project.use(actors[number % len(actors)])
            if number and not SCENARIOS[scenario][number - 1].leaves_work:
                taken_over = project.operate("preview", "--refresh")
                assert not taken_over.changes, f"before: {stage.title}"
            perform(project, stage, name)
    finally:
        project.use(actors[0])
        project.operate("destroy")


def perform(project: Project, stage: Stage, name: str) -> None:
    for key, value in stage.config.items():
        project.pulumi("config", "set", key, value.format(ns=name))
    for command in stage.meanwhile:
        words = ("kubectl", *shlex.split(command.format(ns=name)))
        subprocess.run(words, env=project.environment, check=True, capture_output=True)
    expected = {resource: step.format(ns=name) for resource, step in stage.steps.items()}
    if stage.operation == "up":
        foreseen = project.operate("preview", check=False)
        assert (foreseen.changes, foreseen.code != 0) == (expected, stage.foreseen), foreseen
    done = project.operate(stage.operation, check=False)
    assert (done.changes, done.code != 0) == (expected, bool(stage.errors)), done
    for error in stage.errors:
        assert error in done.failures
