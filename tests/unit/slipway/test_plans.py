"""When a plan is refused."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import SlipwayError
from slipway.preview import fingerprints
from slipway.preview.plan import Plan


@pytest.fixture(params=["git", "no git"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    for name, text in {
        "Pulumi.yaml": "name: x",
        "Pulumi.dev.yaml": "config: {a: 1}",
        "__main__.py": "1",
        "app/a.py": "1",
        "README.md": "x",
        "plans/dev.json": "{}",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    if request.param == "git":
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


Edit = Callable[[Path], object]


@pytest.mark.parametrize(
    "edit",
    [
        lambda project: (project / "__main__.py").write_text("2"),
        lambda project: (project / "app/a.py").write_text("2"),
        lambda project: (project / "app/a.py").unlink(),
        lambda project: (project / "app/b.py").write_text(""),
        lambda project: (project / "app/a.py").rename(project / "app/c.py"),
        lambda project: (project / "app/a.py").chmod(0o755),
        lambda project: (project / "Pulumi.yaml").write_text("name: y"),
    ],
)
def test_any_change_of_the_program_counts(project: Path, edit: Edit) -> None:
    before = fingerprints.program(project, without=project / "plans")
    edit(project)
    assert fingerprints.program(project, without=project / "plans") != before


@pytest.mark.parametrize(
    "edit",
    [
        lambda project: (project / "README.md").write_text("y"),
        lambda project: (project / "Pulumi.dev.yaml").write_text("config: {a: 2}"),
        lambda project: (project / "plans/prod.json").write_text("{}"),
        lambda project: (project / "app/a.py").touch(),
    ],
)
def test_documents_configuration_and_plans_are_not_the_program(project: Path, edit: Edit) -> None:
    before = fingerprints.program(project, without=project / "plans")
    edit(project)
    assert fingerprints.program(project, without=project / "plans") == before


def test_the_state_is_the_same_when_only_its_secrets_are_encrypted_anew() -> None:
    states = [
        {"deployment": {"manifest": {"time": one}, "resources": [{"urn": "a", "x": {"ciphertext": one}}]}}
        for one in "ab"
    ]
    assert fingerprints.state(states[0]) == fingerprints.state(states[1])
    assert fingerprints.state(states[0]) != fingerprints.state({"deployment": {"resources": []}})


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"version": 2}'])
def test_a_file_that_is_no_plan_is_refused_with_what_makes_one(text: str, tmp_path: Path) -> None:
    (file := tmp_path / "plan.json").write_text(text)
    with pytest.raises(SlipwayError, match="preview --save-plan"):
        Plan.load(file)


def test_a_plan_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlipwayError, match=r"nowhere\.json cannot be read"):
        Plan.load(tmp_path / "nowhere.json")
