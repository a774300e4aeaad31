"""Plan files, and the fingerprints that detect an outdated plan."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.errors import OutOfDate, SlipwayError
from slipway.preview.fingerprint import Fingerprint, hash_program, hash_state
from slipway.preview.plan import Plan, check, preview_and_save
from slipway.preview.preview import PreviewOptions
from slipway.preview.rules import Level
from slipway.pulumi.operations import Run
from slipway.pulumi.project import Project, Stack
from slipway.pulumi.stack_file import StackFile


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
def test_a_change_of_the_program_changes_its_hash(project: Path, edit: Edit) -> None:
    before = hash_program(project, project / "plans")
    edit(project)
    assert hash_program(project, project / "plans") != before


@pytest.mark.parametrize(
    "edit",
    [
        lambda project: (project / "README.md").write_text("y"),
        lambda project: (project / "Pulumi.dev.yaml").write_text("config: {a: 2}"),
        lambda project: (project / "plans/prod.json").write_text("{}"),
        lambda project: (project / "app/a.py").touch(),
    ],
)
def test_documents_stack_files_and_plans_are_not_part_of_the_program(project: Path, edit: Edit) -> None:
    before = hash_program(project, project / "plans")
    edit(project)
    assert hash_program(project, project / "plans") == before


def git_repository(directory: Path, *names: str) -> None:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text("1")
    identity = ("-c", "user.name=me", "-c", "user.email=me@example.com")
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=directory, check=True)


def test_edit_in_a_submodule(tmp_path: Path) -> None:
    """A submodule's files are part of the program, but not the files that it ignores."""
    library, project = tmp_path / "library", tmp_path / "project"
    git_repository(library, "a.py")
    git_repository(project, "__main__.py")
    add = ["git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "lib"]
    subprocess.run(add, cwd=project, check=True)
    before = hash_program(project, project)
    (project / "lib/.gitignore").write_text("*.log")
    ignoring = hash_program(project, project)
    (project / "lib/x.log").touch()
    assert hash_program(project, project) == ignoring != before
    (project / "lib/a.py").write_text("2")
    assert hash_program(project, project) != ignoring


def test_checkout_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git refuses to list the files; another list would make each plan out of date."""
    git_repository(tmp_path, "__main__.py")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(
        SlipwayError, match=r"dubious ownership[\s\S]*git config --global --add safe\.directory"
    ):
        hash_program(tmp_path, tmp_path)


def test_file_name_that_is_not_utf_8(project: Path) -> None:
    name = Path(os.fsdecode(b"caf\xe9.py"))
    (project / name).write_text("1")
    before = hash_program(project, project / "plans")
    (project / name).write_text("2")
    assert hash_program(project, project / "plans") != before


@pytest.mark.parametrize("key", ["stackConfigDir", "config"])
def test_directory_of_stack_files(project: Path, key: str) -> None:
    """`stackConfigDir`, formerly `config`, has the stack files, which are not part of the program."""
    (project / "Pulumi.yaml").write_text(f"name: x\n{key}: stacks")
    opened = object.__new__(Project)
    opened.directory = project
    file = StackFile(opened.file("acme/x/prod"), "x:image")
    before = hash_program(project, project / "plans")
    file.set_image("v1")
    assert file.path == project / "stacks/Pulumi.prod.yaml" and file.image() == "v1"
    assert hash_program(project, project / "plans") == before


def test_new_ciphertexts_do_not_change_the_hash_of_the_state() -> None:
    states = [
        {"deployment": {"manifest": {"time": text}, "resources": [{"urn": "a", "x": {"ciphertext": text}}]}}
        for text in "ab"
    ]
    assert hash_state(states[0]) == hash_state(states[1])
    assert hash_state(states[0]) != hash_state({"deployment": {"resources": []}})


def test_differences_name_every_part_that_changed() -> None:
    before = Fingerprint(program="a", configuration="a", state="a")
    after = Fingerprint(program="b", configuration="a", state="b")
    assert before.differences(before) == []
    assert before.differences(after) == ["the program", "the stack's state"]


def test_an_outdated_plan_is_refused_with_every_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = Fingerprint(program="a", configuration="a", state="a")
    now = Fingerprint(program="b", configuration="b", state="a")
    monkeypatch.setattr(Fingerprint, "from_stack", lambda stack, plans: now)
    fields: dict[str, Any] = {"stack": "dev", "made": datetime.now(UTC), "level": "safe"}
    plan = Plan(**fields, refresh=False, drift=(), fingerprint=then, engine={})
    stack = cast(Stack, SimpleNamespace(name="dev"))
    with pytest.raises(OutOfDate) as refused:
        check(plan, stack, tmp_path / "dev.json")
    assert "the program has changed" in str(refused.value)
    assert "the stack file's configuration has changed" in str(refused.value)
    assert "the stack's state has changed" not in str(refused.value)


VERSION_1 = {
    "version": 1,
    "stack": "dev",
    "made": "2026-01-01T00:00:00Z",
    "level": "safe",
    "refresh": False,
    "drift": [],
    "program": "a",
    "configuration": "a",
    "state": "a",
    "engine": {},
}


@pytest.mark.parametrize("created_meanwhile", [False, True])
def test_only_the_owner_can_read_a_plan(
    created_meanwhile: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the umask is, and whoever creates the file while the preview runs."""
    file = tmp_path / "plans/dev.json"
    file.parent.mkdir()
    file.write_text("an earlier plan")
    file.chmod(0o666)

    def preview(*_: Any, save_plan: Path, **__: Any) -> Any:
        save_plan.write_text("{}")
        if created_meanwhile:
            file.touch(0o666)
            file.chmod(0o666)
        report = SimpleNamespace(level=Level.SAFE)
        return SimpleNamespace(run=Run([]), report=report)

    fingerprint = Fingerprint(program="a", configuration="a", state="a")
    monkeypatch.setattr(Fingerprint, "from_stack", lambda stack, plans: fingerprint)
    monkeypatch.setattr("slipway.preview.plan.preview", preview)
    stack = cast(Stack, SimpleNamespace(name="dev"))
    umask = os.umask(0)
    try:
        if created_meanwhile:
            with pytest.raises(SlipwayError, match=r"cannot be written to .*: File exists"):
                preview_and_save(stack, PreviewOptions(), file)
            assert file.read_text() == ""
        else:
            preview_and_save(stack, PreviewOptions(), file)
            assert file.stat().st_mode & 0o777 == 0o600
            assert Plan.load(file).stack == "dev"
    finally:
        os.umask(umask)


@pytest.mark.parametrize("text", [b"", b"{}", b"no json", b"\xff", json.dumps(VERSION_1).encode()])
def test_a_file_that_is_not_a_plan_is_refused(text: bytes, tmp_path: Path) -> None:
    (file := tmp_path / "plan.json").write_bytes(text)
    with pytest.raises(SlipwayError, match=r"is not a plan file .* `slipway preview --save-plan` writes"):
        Plan.load(file)


def test_a_missing_plan_is_named(tmp_path: Path) -> None:
    with pytest.raises(SlipwayError, match=r"nowhere\.json cannot be read"):
        Plan.load(tmp_path / "nowhere.json")
