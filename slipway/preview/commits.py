"""Commits in the source since a stack was last updated."""

from collections.abc import Iterable
from pathlib import Path

from slipway.errors import CommandFailed, HistoryUnavailable
from slipway.process import git
from slipway.pulumi.operations import Update

_MOST = 20
_FETCH = "fetch the history first (actions/checkout: fetch-depth: 0)"


def last_update_commit(updates: Iterable[Update]) -> str:
    """Return the commit of a stack's last successful update, or "" if Pulumi recorded none.

    `updates` are ordered, the latest first.
    """
    for update in updates:
        if update.kind == "update" and update.result == "succeeded":
            return update.environment.get("git.head", "")
    return ""


def resolve(directory: Path, ref: str) -> str:
    """Return the hash of the commit that `ref` names.

    Raises:
        HistoryUnavailable: git is missing, or cannot find the commit.
    """
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return _git(directory, *arguments, failure=f"git cannot find {ref} here; {_FETCH}").strip()


def since(directory: Path, ref: str) -> tuple[str, ...]:
    """Return the commits between `ref` and HEAD, by hash and subject, the latest first.

    Raises:
        HistoryUnavailable: git is missing, cannot find `ref`, or lacks some of the commits.
    """
    commits = f"{resolve(directory, ref)}..HEAD"
    if _is_shallow(directory, commits):
        raise HistoryUnavailable(f"this shallow clone lacks some of the commits since {ref}; {_FETCH}")
    # Not splitlines(), which also splits at characters that a subject may contain.
    lines = _git(
        directory, "log", "--no-show-signature", "--format=%h %s", f"--max-count={_MOST + 1}", commits
    ).split("\n")[:-1]
    more = (f"… and more: git log {ref}..HEAD",) if len(lines) > _MOST else ()
    return (*lines[:_MOST], *more)


def _is_shallow(directory: Path, commits: str) -> bool:
    """Return whether a shallow clone cuts off a range of commits: its last commit then has no parent."""
    shallow = _git(directory, "rev-parse", "--is-shallow-repository").strip() == "true"
    return shallow and bool(_git(directory, "rev-list", "--max-parents=0", commits))


def _git(directory: Path, *arguments: str, failure: str = "") -> str:
    """Run git and return its output; `failure` explains an error for which git prints nothing."""
    try:
        return git(*arguments, directory=directory)
    except CommandFailed as error:
        raise HistoryUnavailable(str(error) or failure) from None
