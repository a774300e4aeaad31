"""When a build cannot be: what the user reads."""

from pathlib import Path

import pytest

from tests.e2e.image.conftest import Project


def failure(project: Project) -> str:
    done = project.run("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_a_failed_step_shows_the_end_of_the_build_log(project: Project, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM python:3.11-slim-bookworm\nRUN echo the-reason >&2; exit 7\n")
    output = failure(project)
    assert "exit code: 7" in output
    log = output.partition("The end of the build log")[2]
    assert f"({project.repository}:" in log
    assert "the-reason" in log


def test_a_builder_that_is_away_is_named_with_its_address(project: Project, tmp_path: Path) -> None:
    (tmp_path / "buildx/instances").mkdir(parents=True)
    (tmp_path / "buildx/instances/gone").write_text(
        '{"Name": "gone", "Driver": "remote", "Nodes": [{"Name": "gone0", "Endpoint": "unix:///gone.sock"}]}'
    )
    project.environment["BUILDX_CONFIG"] = str(tmp_path / "buildx")
    project.arguments["builder"] = "gone"
    assert "builder 'gone' at unix:///gone.sock cannot be reached" in failure(project)


def test_a_registry_that_is_away_is_named_with_its_address(project: Project) -> None:
    project.arguments["repository"] = "localhost:1/web"
    assert "registry at http://localhost:1 cannot be reached" in failure(project)


@pytest.mark.parametrize("away", ["builder", "repository"])
def test_a_preview_goes_on_without_builder_or_registry(project: Project, away: str) -> None:
    project.arguments[away] = {"builder": "gone", "repository": "localhost:1/web"}[away]
    assert project.preview()["Image"] == "create"


def test_a_bad_argument_stops_the_preview_with_its_name_and_value(project: Project) -> None:
    project.arguments["target"] = "nowhere"
    done = project.run("preview")
    assert done.returncode != 0
    assert "Invalid AppImage 'web':" in done.stdout + done.stderr
    assert "target is 'nowhere'" in done.stdout + done.stderr


DOCKERFILES = {
    "comment in a continuation": "FROM scratch \\\n# note\n AS prod\nCOPY . /\n",
    "escape directive": "# escape=`\nFROM scratch `\n AS prod\nCOPY . /\n",
    "text of a heredoc": "FROM scratch AS prod\nCOPY <<E /x\nfrom users as u\nE\n",
}


@pytest.mark.parametrize("dockerfile", DOCKERFILES.values(), ids=DOCKERFILES)
def test_a_stage_is_what_buildkit_takes_for_one(project: Project, context: Path, dockerfile: str) -> None:
    (context / "Dockerfile").write_text(dockerfile)
    project.arguments["target"] = "prod"
    assert project.preview()["Image"] == "create"
    project.arguments["target"] = "u"
    done = project.run("preview")
    assert done.returncode != 0
    assert "target is 'u', but the stages of" in done.stdout + done.stderr


def test_a_directory_whose_files_are_ignored_can_be_copied(project: Project, context: Path) -> None:
    (context / "logs").mkdir()
    (context / "logs/.gitkeep").write_text("")
    (context / ".dockerignore").write_text("logs/*\n")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY src logs /x/\n")
    project.up()
