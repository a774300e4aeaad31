"""`slipway outdated` on images that the real builder has made, from bases in the real registry."""

import json
import subprocess
import sys
from pathlib import Path

from sandbox.platform.instance import Instance
from tests.e2e.image.conftest import PROJECT, Project
from tests.e2e.pushing import push

DOCKERFILE = """ARG BASE={base}
FROM $BASE AS builder
FROM builder AS runtime
COPY . /
FROM scratch
"""


def outdated(project: Project) -> tuple[int, dict[str, str]]:
    stack = project.environment["PULUMI_STACK"]
    done = subprocess.run(
        (sys.executable, "-m", "slipway", "outdated", stack, "--json", f"--cwd={project.directory}"),
        cwd=PROJECT,
        env=project.environment,
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    [row] = json.loads(done.stdout)
    return done.returncode, row


def base(project: Project, directory: Path, text: str) -> str:
    """Push a base image with a file; return its name with the tag."""
    directory.mkdir(exist_ok=True)
    (directory / "Dockerfile").write_text("FROM scratch\nCOPY file /\n")
    (directory / "file").write_text(text)
    tagged = f"{project.repository}-base:1"
    push(project.environment, tagged, directory)
    return tagged


def test_a_base_that_has_changed_is_reported_until_the_image_is_built_on_it(
    project: Project, context: Path, tmp_path: Path
) -> None:
    project.succeed("config", "set", "kubernetes:context", Instance.from_environment().name)
    tagged = base(project, tmp_path / "base", "1")
    (context / "Dockerfile").write_text(DOCKERFILE.format(base=tagged))
    project.arguments["target"] = "runtime"
    project.up()
    code, row = outdated(project)
    assert (code, row["state"], row["base"]) == (0, "current", tagged)

    base(project, tmp_path / "base", "2")
    assert set(project.preview().values()) == {"same"}, "a new base does not cause a build"
    code, row = outdated(project)
    assert (code, row["state"], row["image"]) == (2, "outdated", project.output("ref"))

    (context / "src/main.py").write_text("print(2)\n")
    project.up()
    assert outdated(project)[0] == 0

    del project.arguments["target"]
    project.up()
    code, row = outdated(project)
    assert (code, row["state"]) == (0, "no base recorded"), "the last stage is from scratch"
