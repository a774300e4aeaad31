"""What is new in the source since a stack was last updated."""

from collections.abc import Iterable
from pathlib import Path

from slipway.errors import CommandFailed, HistoryUnavailable
from slipway.process import git
from slipway.pulumi.updates import Update

_MOST = 20
_FETCH = "fetch the history first (actions/checkout: fetch-depth: 0)"


def of_last_update(updates: Iterable[Update]) -> str:
    """Return the commit that a stack was last updated from, where Pulumi saw one; `updates` latest first."""
    for update in updates:
        if update.kind == "update" and update.result == "succeeded":
            return update.environment.get("git.head", "")
    return ""


def resolved(directory: Path, ref: str) -> str:
    """Return the hash of what `ref` names; Unknown when git is not there, or does not know it."""
    find = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return _git(directory, *find, silent=f"git does not know {ref} here; {_FETCH}").strip()


def since(directory: Path, ref: str) -> tuple[str, ...]:
    """Return the commits that HEAD has and `ref` has not, by hash and subject, the latest first.

    Raises:
        HistoryUnavailable: when git is not there, does not know the ref, or not every commit since.
    """
    between = f"{resolved(directory, ref)}..HEAD"
    if _is_cut(directory, between):
        raise HistoryUnavailable(f"this shallow clone has not every commit since {ref}; {_FETCH}")
    # Not splitlines(), which also splits at what a subject may hold.
    lines = _git(
        directory, "log", "--no-show-signature", "--format=%h %s", f"--max-count={_MOST + 1}", between
    ).split("\n")[:-1]
    more = (f"… and more: git log {ref}..HEAD",) if len(lines) > _MOST else ()
    return (*lines[:_MOST], *more)


def _is_cut(directory: Path, between: str) -> bool:
    """Whether a shallow clone ends within a range: its last commit there looks like a repository's first."""
    shallow = _git(directory, "rev-parse", "--is-shallow-repository").strip() == "true"
    return shallow and bool(_git(directory, "rev-list", "--max-parents=0", between))


def _git(directory: Path, *words: str, silent: str = "") -> str:
    try:
        return git(*words, directory=directory)
    except CommandFailed as error:
        raise HistoryUnavailable(str(error) or silent) from None
