"""One content, one tag, no operation: on the real engine."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.image.conftest import Project, forget, manifest


def commit(root: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *command], cwd=root, check=True)


def test_the_reference_names_the_pushed_image(project: Project) -> None:
    assert project.up()["create"] == 3
    reference = project.output("ref")
    tagged, digest = reference.split("@")
    assert tagged == f"{project.repository}:{project.output('tag')}"
    assert manifest(tagged).headers["Docker-Content-Digest"] == digest


def test_another_checkout_of_the_commit_changes_nothing(
    project: Project, context: Path, tmp_path: Path
) -> None:
    commit(context)
    project.up()
    before = project.output("ref")
    clone = tmp_path / "some where/else"
    url = f"file://{context}"
    subprocess.run(["git", "clone", "-q", "--depth=1", url, str(clone)], check=True, umask=0o077)
    (clone / "src/__pycache__").mkdir()
    (clone / "src/__pycache__/main.pyc").write_text("junk")
    os.utime(clone / "src/main.py", (1, 1))
    # A colleague's machine: another directory for project and source, another umask, no copies left behind.
    moved = project.directory.rename(tmp_path / "moved")
    shutil.rmtree(moved / ".slipway")
    project.directory = moved
    project.arguments["context"] = str(clone)
    project.arguments["secrets"] = {"ca": "a bundle that the first machine did not need"}
    assert set(project.preview(umask=0o077).values()) == {"same"}
    assert project.up(umask=0o077) == {"same": 3}
    assert project.output("ref") == before


def _append(name: str) -> Callable[[Project, Path], object]:
    def change(_: Project, root: Path) -> None:
        with (root / name).open("a") as stream:
            stream.write("#\n")

    return change


CHANGES: dict[str, Callable[[Project, Path], object]] = {
    "a file": _append("src/main.py"),
    "a mode bit": lambda _, root: (root / "src/main.py").chmod(0o755),
    "the Dockerfile": _append("Dockerfile"),
    "an argument": lambda project, _: project.arguments.update(build_args={"GREETING": "hi"}),
}


def test_each_single_change_is_one_image_with_another_tag(project: Project, context: Path) -> None:
    project.up()
    for what, change in CHANGES.items():
        before = project.output("tag")
        change(project, context)
        assert project.up() == {"same": 2, "create": 1, "delete": 1}, what
        assert project.output("tag") != before, what
        assert set(project.preview().values()) == {"same"}, what


def test_a_change_that_keeps_the_size_reaches_the_image(project: Project, context: Path) -> None:
    digests = set()
    for number in range(1, 4):
        (context / "src/main.py").write_text(f"print({number})\n")
        project.up()
        digests.add(project.output("ref").split("@")[1])
    assert len(digests) == 3


def test_an_image_that_the_registry_lost_is_built_again_once(project: Project) -> None:
    project.up()
    reference = project.output("ref")
    forget(project.repository, reference.split("@")[1])
    assert project.preview()["Image"] == "update"
    assert project.up() == {"same": 2, "update": 1}
    assert project.output("ref") == reference
    assert manifest(reference.replace(":" + project.output("tag"), "")).status_code == 200
    assert project.up() == {"same": 3}


def test_a_preview_can_tell_the_digest_that_up_will_push(project: Project, context: Path) -> None:
    project.arguments["preview_digest"] = True
    project.up()
    _append("src/main.py")(project, context)
    preview = project.succeed("preview", "--non-interactive")
    (reference,) = set(re.findall(rf"`up` will push ({project.repository}:\S+)", preview))
    assert manifest(reference.split("@")[0]).status_code == 404, "a preview must not push"
    project.up()
    assert project.output("ref") == reference


def test_the_image_outlives_the_stack(project: Project) -> None:
    project.up()
    reference = project.output("ref")
    project.succeed("destroy", "--yes", "--skip-preview")
    assert manifest(reference.split("@")[0]).status_code == 200


def test_files_are_readable_in_the_image_whatever_the_umask(
    project: Project, context: Path, tmp_path: Path
) -> None:
    (context / "src/main.py").chmod(0o600)
    project.up(umask=0o077)
    reference = project.output("ref")
    (tmp_path / "Dockerfile").write_text(f"FROM {reference}\n")
    out = tmp_path / "files"
    subprocess.run(
        ["docker", "buildx", "build", "-q", f"--output=type=local,dest={out}", str(tmp_path)],
        env=project.environment,
        check=True,
    )
    assert (out / "src/main.py").stat().st_mode & 0o777 == 0o644
    assert (out / "run.sh").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("dangling", [False, True])
def test_links_are_sent_as_links(project: Project, context: Path, dangling: bool) -> None:
    (context / "link").symlink_to("nowhere" if dangling else "src/main.py")
    project.up()
    assert set(project.preview().values()) == {"same"}
