"""The identity of a build context: what changes it, and what must not."""

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.image.context import BadContext, BuildContext

DOCKERFILE = "FROM scratch AS builder\nFROM builder AS \\\n  Runtime\nCOPY . /\n"


def tag(root: Path, dockerfile: str = "Dockerfile", **other: object) -> str:
    arguments = {"target": None, "build_args": {}, "platforms": ["linux/amd64"], **other}
    return BuildContext(root, Path(dockerfile)).tag(**arguments)  # type: ignore[arg-type]  # cases vary them


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "context"
    (root / "src/deep").mkdir(parents=True)
    (root / "Dockerfile").write_text(DOCKERFILE)
    (root / ".dockerignore").write_text("**/*.log\njunk\n")
    (root / "src/main.py").write_text("print(1)\n")
    (root / "src/deep/data").write_bytes(b"\x00\xff")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "link").symlink_to("src/main.py")
    return root


def commit(root: Path) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *command], cwd=root, check=True)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027, 0o077])
def test_a_clone_has_the_same_tag_whatever_the_umask_path_time_and_depth(
    context: Path, tmp_path: Path, umask: int
) -> None:
    commit(context)
    (context / ".dockerignore").write_text("**/*.log\njunk\n.git\n")
    clone = tmp_path / "elsewhere/with a space"
    clone.parent.mkdir()
    before = os.umask(umask)
    try:
        url = f"file://{context}"
        subprocess.run(["git", "clone", "-q", "--depth=1", url, str(clone)], check=True)
    finally:
        os.umask(before)
    (clone / ".dockerignore").write_text("**/*.log\njunk\n.git\n")
    os.utime(clone / "src/main.py", (1, 1))
    assert tag(clone) == tag(context)


def test_ignored_files_and_empty_directories_do_not_count(context: Path) -> None:
    before = tag(context)
    (context / "junk/x").mkdir(parents=True)
    (context / "junk/x/y").write_text("y")
    (context / "src/a.log").write_text("l")
    (context / "src/__pycache__").mkdir()
    os.mkfifo(context / "pipe")
    assert tag(context) == before


def test_a_copy_made_in_another_order_has_the_same_tag(context: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for path in sorted(context.rglob("*"), reverse=True):
        if not path.is_dir() or path.is_symlink():
            target = other / path.relative_to(context)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target, follow_symlinks=False)
    assert tag(other) == tag(context)


def _append(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        with (root / name).open("a") as stream:
            stream.write("#\n")

    return change


def _relink(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("src/deep/data")


def _link_to_file(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").write_text("src/main.py")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file's content": _append("src/main.py"),
    "the Dockerfile": _append("Dockerfile"),
    "a new file": lambda root: (root / "new").write_text(""),
    "a file gone": lambda root: (root / "src/deep/data").unlink(),
    "a file renamed": lambda root: (root / "run.sh").rename(root / "walk.sh"),
    "a file moved": lambda root: (root / "src/main.py").rename(root / "main.py"),
    "executable": lambda root: (root / "src/main.py").chmod(0o744),
    "not executable": lambda root: (root / "run.sh").chmod(0o644),
    "a link's target": _relink,
    "a file for a link": _link_to_file,
    "no longer ignored": lambda root: (root / ".dockerignore").write_text("junk\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_single_change_gives_another_tag(context: Path, change: Callable[[Path], object]) -> None:
    before = tag(context)
    change(context)
    assert tag(context) != before


def test_arguments_target_and_platforms_are_part_of_the_tag(context: Path) -> None:
    tags = [
        tag(context),
        tag(context, target="builder"),
        tag(context, build_args={"A": "1"}),
        tag(context, build_args={"A": "2"}),
        tag(context, build_args={"B": "1"}),
        tag(context, platforms=["linux/arm64"]),
        tag(context, platforms=["linux/amd64", "linux/arm64"]),
    ]
    assert len(set(tags)) == len(tags)
    assert tag(context, platforms=["linux/arm64", "linux/amd64"]) == tags[-1]


def test_an_ignore_file_next_to_the_dockerfile_wins(context: Path) -> None:
    (context / "Dockerfile.dockerignore").write_text("*\n!run.sh\n")
    assert list(BuildContext(context, Path("Dockerfile")).files) == ["run.sh"]


def test_the_copy_holds_what_the_tag_names_and_nothing_that_varies(context: Path) -> None:
    (context / "src/main.py").chmod(0o600)
    (context / "src/a.log").write_text("l")
    source = BuildContext(context, Path("Dockerfile"))
    copy = source.copy("t")
    assert not copy.is_absolute()
    files = {
        p.relative_to(copy / "context").as_posix() for p in (copy / "context").rglob("*") if not p.is_dir()
    }
    assert files == set(source.files)
    modes = {
        p: stat.S_IMODE((copy / "context" / p).lstat().st_mode) for p in ("src", "src/main.py", "run.sh")
    }
    assert modes == {"src": 0o755, "src/main.py": 0o644, "run.sh": 0o755}
    assert (copy / "context/link").readlink() == Path("src/main.py")
    assert (copy / "Dockerfile").read_text() == DOCKERFILE
    assert Path(".slipway/.gitignore").read_text() == "*\n"


def test_times_in_the_copy_go_with_the_content(context: Path) -> None:
    """BuildKit would not look into a file whose size and time are as before."""

    def times(name: str) -> dict[str, int]:
        copy = BuildContext(context, Path("Dockerfile")).copy(name) / "context"
        return {p.relative_to(copy).as_posix(): p.lstat().st_mtime_ns for p in copy.rglob("*")}

    first = times("first")
    os.utime(context / "src/main.py", (1, 1))
    assert times("touched") == first
    (context / "src/main.py").write_text("print(2)\n")
    second = times("second")
    assert {name for name in first if first[name] != second[name]} == {"src/main.py"}


def test_copies_of_yesterday_are_deleted(context: Path) -> None:
    source = BuildContext(context, Path("Dockerfile"))
    old, partial, other = source.copy("0" * 20), source.copy(f"{'0' * 20}.00000000"), source.copy("other")
    for path in (old, partial, other):
        os.utime(path, (1, 1))
    new = source.copy("1" * 20)
    assert [path.exists() for path in (old, partial, other, new)] == [False, False, True, True]


def test_a_copy_is_never_old_while_it_is_made(context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process would delete it."""
    ages: list[float] = []
    rename = Path.rename

    def record(path: Path, target: Path) -> Path:
        ages.append(time.time() - path.stat().st_mtime)
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", record)
    BuildContext(context, Path("Dockerfile")).copy("t")
    assert len(ages) == 1
    assert ages[0] < 60


@pytest.mark.parametrize("name", ["src/main.py", "Dockerfile", "link"])
def test_a_file_that_changes_after_its_hash_was_read_is_refused(context: Path, name: str) -> None:
    """The copy, and so the image, would have other content than the tag says."""
    source = BuildContext(context, Path("Dockerfile"))
    tag = source.tag(target=None, build_args={}, platforms=["linux/amd64"])
    (context / name).unlink()
    (context / name).write_text("changed")
    with pytest.raises(
        BadContext, match=f"{name} has changed since its hash was read: run the command again"
    ):
        source.copy(tag)
    assert [path.name for path in Path(".slipway").iterdir()] == [".gitignore"]


def test_a_link_in_place_of_the_copies_is_refused(context: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    Path(".slipway").symlink_to("elsewhere")
    with pytest.raises(BadContext, match=r"\.slipway is a link to elsewhere: remove it"):
        BuildContext(context, Path("Dockerfile")).copy("t")
    assert stat.S_IMODE((tmp_path / "elsewhere").stat().st_mode) == 0o755


def test_the_copies_are_not_part_of_a_context_around_them(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(context)
    before = tag(Path())
    BuildContext(Path(), Path("Dockerfile")).copy(before)
    assert tag(Path()) == tag(context) == before


def test_a_directory_whose_files_are_ignored_is_sent(context: Path) -> None:
    """As BuildKit does, for `COPY logs /logs`: the pattern does not match the directory."""
    (context / ".dockerignore").write_text("logs/*\ncache\n")
    (context / "cache/x").mkdir(parents=True)
    (context / "logs/deep").mkdir(parents=True)
    (context / "logs/.gitkeep").write_text("")
    source = BuildContext(context, Path("Dockerfile"))
    assert source.directories == ["logs", "src", "src/deep"]
    copy = source.copy("t") / "context"
    assert sorted(p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_dir()) == source.directories


def test_where_modes_do_not_count_git_knows_the_executables(context: Path) -> None:
    """All files have one mode on Windows' drives (WSL) and SMB, where git is clean."""
    commit(context)
    (context / ".dockerignore").write_text("**/*.log\njunk\n.git\n")
    before = tag(context)
    subprocess.run(["git", "config", "core.fileMode", "false"], cwd=context, check=True)
    for path in context.rglob("*"):
        if path.is_file() and ".git" not in path.parts and not path.is_symlink():
            path.chmod(0o777)
    assert tag(context) == before
    copy = BuildContext(context, Path("Dockerfile")).copy("t") / "context"
    modes = [stat.S_IMODE((copy / name).stat().st_mode) for name in ("run.sh", "src/main.py")]
    assert modes == [0o755, 0o644]


@pytest.mark.parametrize("name", [b"target", b"caf\xe9.py", b"d\xe9/x"])
def test_a_name_that_buildkit_cannot_send_is_refused_with_its_path(context: Path, name: bytes) -> None:
    path = context / os.fsdecode(name)
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(os.fsdecode(b"caf\xe9") if name == b"target" else "a")
    with pytest.raises(BadContext, match=r"cannot be sent to BuildKit: its (name|target) is not UTF-8"):
        BuildContext(context, Path("Dockerfile")).copy("t")


def test_only_the_owner_can_read_the_copy(context: Path) -> None:
    copy = BuildContext(context, Path("Dockerfile")).copy("t")
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700


def test_what_is_missing_or_malformed_is_named(context: Path) -> None:
    with pytest.raises(BadContext, match="nowhere"):
        BuildContext(context / "nowhere", Path("Dockerfile"))
    with pytest.raises(BadContext, match=r"Dockerfile\.prod"):
        BuildContext(context, Path("Dockerfile.prod"))
    (context / ".dockerignore").write_text("a[\n")
    with pytest.raises(BadContext, match=r"\.dockerignore.*a\["):
        BuildContext(context, Path("Dockerfile"))
