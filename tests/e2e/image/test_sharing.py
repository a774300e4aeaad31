"""Several stacks with the same content, and an image that some other build has pushed."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.image.conftest import Project, forget, manifest
from tests.e2e.pushing import push


@pytest.fixture
def other(project: Project, tmp_path: Path) -> Iterator[Project]:
    """Another stack with the same content."""
    stack = f"{project.environment['PULUMI_STACK']}-b"
    other = Project(tmp_path / "other", {**project.environment, "PULUMI_STACK": stack}, project.arguments)
    other.succeed("stack", "init", stack)
    yield other
    other.succeed("stack", "rm", "--yes", "--force", stack)


def change(context: Path, text: str) -> None:
    (context / "src/main.py").write_text(text)


def without_registry(project: Project) -> Project:
    """Return the project on a machine that does not reach the registry."""
    same = copy.copy(project)
    same.environment = {**project.environment, "WITHOUT_REGISTRY": "1"}
    return same


def rebuilt(project: Project, context: Path) -> str:
    """Move the project's tag to another digest, as a build that is not reproducible does; return that."""
    tagged = project.output("ref").partition("@")[0]
    pushed = push(project.environment, tagged, context, "--label=other=1")
    assert pushed.partition("@")[2] != project.output("ref").partition("@")[2]
    return pushed


def unchanged(project: Project) -> None:
    """Check that the next update of the stack changes nothing, with and without the registry."""
    reference = project.output("ref")
    for machine in (project, without_registry(project)):
        assert set(machine.preview().values()) == {"same"}
        assert machine.up() == {"same": 3}
        assert machine.output("ref") == reference


def test_a_second_stack_takes_what_the_registry_has(project: Project, other: Project, context: Path) -> None:
    project.up()
    unchanged(project)
    reference = rebuilt(project, context)
    assert other.preview()["Image"] == "create"
    other.up()
    assert other.output("ref") == reference
    assert manifest(reference.partition("@")[0]).headers["Docker-Content-Digest"] in reference
    unchanged(other)
    project.up()
    assert project.output("ref") == reference, "the registry counts, whatever the state says"


def test_each_of_two_stacks_takes_what_the_other_has_pushed(
    project: Project, other: Project, context: Path
) -> None:
    project.up()
    change(context, "print(2)\n")
    other.up()
    reference = rebuilt(other, context)
    project.up()
    assert project.output("ref") == reference
    unchanged(project)
    change(context, "print(1)\n")
    other.up()
    assert other.output("ref") != reference, "and back"
    unchanged(other)


def test_an_image_of_another_stack_that_the_registry_lost_is_built(project: Project, other: Project) -> None:
    project.up()
    other.up()
    forget(project.repository, project.output("ref").partition("@")[2])
    assert other.preview()["Image"] == "update"
    other.up()
    assert manifest(other.output("ref").partition("@")[0]).status_code == 200
    unchanged(other)


def test_new_content_is_built_on_a_machine_that_does_not_reach_the_registry(
    project: Project, context: Path
) -> None:
    project.up()
    before = project.output("ref")
    change(context, "print(2)\n")
    without_registry(project).up()
    assert project.output("ref").partition("@")[0] != before.partition("@")[0]
    assert manifest(project.output("ref").partition("@")[0]).status_code == 200
    unchanged(project)
