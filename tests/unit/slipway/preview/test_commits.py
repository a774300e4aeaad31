"""Commits since the last update, in repositories that git creates."""

import subprocess
from pathlib import Path

import pytest

from slipway.errors import HistoryUnavailable
from slipway.preview.commits import last_update_commit, since
from slipway.pulumi.operations import Update

HEAD = "a" * 40


def update(kind: str = "update", result: str = "succeeded", **environment: str) -> Update:
    return Update(kind, result, "", "", environment)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, b"first")
    git(tmp_path, "tag", "deployed")
    return tmp_path


def git(directory: Path, *words: str, stdin: bytes = b"") -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(("git", *author, *words), cwd=directory, input=stdin, check=True)


def commit(directory: Path, message: bytes) -> None:
    git(directory, "commit", "--quiet", "--allow-empty", "--file", "-", stdin=message)


def subjects(lines: tuple[str, ...]) -> list[str]:
    return [line.partition(" ")[2] for line in lines]


@pytest.mark.parametrize(
    "later",
    [update(result="failed"), update(kind="refresh"), update(kind="preview"), update(result="in-progress")],
    ids=lambda update: f"{update.kind} {update.result}",
)
def test_only_successful_updates_count(later: Update) -> None:
    assert last_update_commit([later, update(**{"git.head": HEAD}), update(**{"git.head": "b" * 40})]) == HEAD


def test_an_update_from_outside_of_git_has_no_commit() -> None:
    assert last_update_commit([update(), update(**{"git.head": HEAD})]) == ""
    assert last_update_commit([]) == ""


def test_no_new_commits(repository: Path) -> None:
    assert since(repository, "deployed") == ()


def test_a_commit_is_one_line_whatever_its_subject_contains(repository: Path) -> None:
    commit(repository, "one\u2028two\x0bthree\x85four\n\nThe reason".encode())
    git(repository, "config", "i18n.commitEncoding", "ASCII")  # otherwise git converts it to UTF-8
    commit(repository, b"caf\xe9")
    assert subjects(since(repository, "deployed")) == [
        "caf\N{REPLACEMENT CHARACTER}",
        "one\u2028two\x0bthree\x85four",
    ]


def test_twenty_commits_are_listed_and_the_command_for_the_rest(repository: Path) -> None:
    for number in range(20):
        commit(repository, f"commit {number}".encode())
    assert subjects(since(repository, "deployed")) == [f"commit {number}" for number in range(19, -1, -1)]
    commit(repository, b"commit 20")
    *listed, more = since(repository, "deployed")
    assert (len(listed), more) == (20, "… and more: git log deployed..HEAD")


@pytest.mark.parametrize("ref", ["nowhere", HEAD, "--all", "deployed..HEAD", ""])
def test_an_unknown_ref_is_refused(ref: str, repository: Path) -> None:
    with pytest.raises(HistoryUnavailable, match=r"git cannot find .* here; fetch the history first"):
        since(repository, ref)


def test_a_merged_second_history_is_listed(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "other")
    commit(repository, b"imported")
    git(repository, "checkout", "--quiet", "deployed")
    git(repository, "merge", "--quiet", "--allow-unrelated-histories", "-m", "merge", "other")
    assert sorted(subjects(since(repository, "deployed"))) == ["imported", "merge"]
