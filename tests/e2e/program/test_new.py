"""`pulumi new`: the repository is a template for projects of other names."""

import subprocess
from pathlib import Path

import yaml

from tests.e2e.program.clone import Clone
from tests.e2e.program.conftest import INSTANCE, PROJECT, Stack


def test_a_new_project_can_be_previewed(sandbox: dict[str, str], tmp_path: Path) -> None:
    for name in ("template", "home", "shop", "state"):
        (tmp_path / name).mkdir()
    template = Clone.create(tmp_path / "template", tmp_path / "home").directory
    (template / ".venv").unlink()  # a repository has none
    stack = Stack("dev", tmp_path / "shop", {**sandbox, "PULUMI_BACKEND_URL": f"file://{tmp_path}/state"})
    command = ("pulumi", "new", str(template), "--generate-only", "--yes", "--name", "shop")
    subprocess.run(command, cwd=stack.directory, env=stack.environment, check=True, capture_output=True)
    project = yaml.safe_load((stack.directory / "Pulumi.yaml").read_text())
    assert project["name"] == "shop"
    assert "template" not in project
    (stack.directory / ".venv").symlink_to(PROJECT / ".venv")
    stack.succeed("stack", "init")
    stack.succeed("config", "set", "kubernetes:context", INSTANCE.name)
    stack.succeed("config", "set", "repository", f"{INSTANCE.registry}/shop")
    assert "shop-dev" in stack.succeed("preview", "--diff")


def test_the_template_asks_for_context_and_repository() -> None:
    asked = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["template"]["config"]
    assert list(asked) == ["kubernetes:context", "repository"]
    assert all(entry["description"] for entry in asked.values())
