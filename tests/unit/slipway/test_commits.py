"""Which commits are told as new, of repositories as git makes them."""

import subprocess
from pathlib import Path

import pytest

from slipway.errors import HistoryUnavailable
from slipway.preview.commits import of_last_update, since
from slipway.pulumi.updates import Update

HEAD = "a" * 40


def update(kind: str = "update", result: str = "succeeded", **environment: str) -> Update:
    return Update(1, kind, result, "", "", "", environment, {})


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, b"first")
    git(tmp_path, "tag", "deployed")
    return tmp_path


def git(directory: Path, *words: str, said: bytes = b"") -> None:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    subprocess.run(("git", *author, *words), cwd=directory, input=said, check=True)


def commit(directory: Path, message: bytes) -> None:
    git(directory, "commit", "--quiet", "--allow-empty", "--file", "-", said=message)


def subjects(lines: tuple[str, ...]) -> list[str]:
    return [line.partition(" ")[2] for line in lines]


@pytest.mark.parametrize(
    "later",
    [update(result="failed"), update(kind="refresh"), update(kind="preview"), update(result="in-progress")],
    ids=lambda one: f"{one.kind} {one.result}",
)
def test_only_updates_that_succeeded_say_what_runs(later: Update) -> None:
    assert of_last_update([later, update(**{"git.head": HEAD}), update(**{"git.head": "b" * 40})]) == HEAD


def test_an_update_from_outside_of_git_hides_those_before_it() -> None:
    assert of_last_update([update(), update(**{"git.head": HEAD})]) == ""
    assert of_last_update([]) == ""


def test_nothing_new_is_no_line(repository: Path) -> None:
    assert since(repository, "deployed") == ()


def test_a_line_is_told_for_each_commit_whatever_its_subject_holds(repository: Path) -> None:
    commit(repository, "one\u2028two\x0bthree\x85four\n\nThe reason".encode())
    git(repository, "config", "i18n.commitEncoding", "ASCII")  # or git makes UTF-8 of it
    commit(repository, b"caf\xe9")
    assert subjects(since(repository, "deployed")) == [
        "caf\N{REPLACEMENT CHARACTER}",
        "one\u2028two\x0bthree\x85four",
    ]


def test_twenty_are_told_and_how_to_see_the_rest(repository: Path) -> None:
    for number in range(20):
        commit(repository, f"commit {number}".encode())
    assert subjects(since(repository, "deployed")) == [f"commit {number}" for number in range(19, -1, -1)]
    commit(repository, b"commit 20")
    *told, more = since(repository, "deployed")
    assert (len(told), more) == (20, "… and more: git log deployed..HEAD")


@pytest.mark.parametrize("ref", ["nowhere", HEAD, "--all", "deployed..HEAD", ""])
def test_what_is_no_commit_here_is_not_known(ref: str, repository: Path) -> None:
    with pytest.raises(HistoryUnavailable, match=r"git does not know .* here; fetch the history first"):
        since(repository, ref)


def test_a_second_history_merged_into_a_whole_clone_is_told(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "--orphan", "other")
    commit(repository, b"imported")
    git(repository, "checkout", "--quiet", "deployed")
    git(repository, "merge", "--quiet", "--allow-unrelated-histories", "-m", "merge", "other")
    assert sorted(subjects(since(repository, "deployed"))) == ["imported", "merge"]
