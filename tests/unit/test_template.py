"""A new project is made from this one by `pulumi new`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.settings import CONTEXT, Settings
from tests.unit.recorder import Recorder

PROJECT = Path(__file__).parents[2]
PULUMI_YAML: dict[str, Any] = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())
ASKED: dict[str, dict[str, str]] = PULUMI_YAML["template"]["config"]
IMPORTS = "import sys, slipway.cli.main, stack.settings, components.kubernetes, components.docker"


def test_the_program_runs_with_what_pulumi_new_asks_for(
    program: Callable[..., Recorder], kubeconfig: Path
) -> None:
    answers = {key: value["default"] for key, value in ASKED.items()}
    kubeconfig.write_text(yaml.safe_dump({"contexts": [{"name": answers[CONTEXT]}]}))
    recorder = program(**answers)
    assert [item.inputs["metadata"]["name"] for item in recorder.of("Deployment")] == ["web"]


def test_every_question_is_a_setting_with_a_description() -> None:
    settings = Settings.model_json_schema(by_alias=True)["properties"]
    assert ASKED.keys() <= settings.keys()
    assert all(question["description"] for question in ASKED.values())


def test_the_project_and_its_template_have_the_same_repository() -> None:
    """Pulumi prefixes the key with the name of the project, which is another one in a new project."""
    declared = PULUMI_YAML["config"]["repository"]
    assert {key: declared[key] for key in ASKED["repository"]} == ASKED["repository"]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make template` makes of a checkout with the files that git has."""
    checkout = tmp_path_factory.mktemp("checkout")
    subprocess.run(("git", "checkout-index", "--all", f"--prefix={checkout}/"), cwd=PROJECT, check=True)
    for command in (
        ("git", "init", "--quiet"),
        ("git", "add", "--all"),
        ("make", "template"),
        ("make", "template"),
    ):
        subprocess.run(command, cwd=checkout, check=True)
    return checkout / "build/template"


def test_pulumi_copies_the_files_as_they_are(template: Path) -> None:
    """It refuses links to directories, and replaces two words in every file."""
    files = [path for path in template.rglob("*") if not path.is_dir()]
    assert template / "app/Dockerfile" in files
    assert [path for path in template.rglob("*") if path.is_symlink()] == []
    words = (b"${PROJECT}", b"${DESCRIPTION}")
    assert [path for path in files if any(word in path.read_bytes() for word in words)] == []


def test_a_new_project_needs_nothing_that_it_lacks(template: Path) -> None:
    code = f"{IMPORTS}; print(slipway.__file__, 'sandbox' in sys.modules, 'tests' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(template)}
    done = subprocess.run(
        (sys.executable, "-c", code), cwd=template, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(template / "slipway/__init__.py"), "False", "False"], done.stderr
