"""What is new in the source since a stack was last updated."""

import re
import subprocess
from pathlib import Path

from delivery.errors import DeliveryError
from delivery.stacks import Stack

_MOST = 20


def since(directory: Path, ref: str) -> tuple[str, ...]:
    """Return the commits that HEAD has and `ref` has not, one line each, the latest first.

    Raises:
        DeliveryError: when git does not know the ref.
    """
    if ref.startswith("-"):
        raise DeliveryError(f"{ref!r} is no commit, branch or tag")
    found = _git(directory, "log", "--oneline", "--no-decorate", f"--max-count={_MOST + 1}", f"{ref}..HEAD")
    if found is None:
        raise DeliveryError(
            f"git does not know {ref!r} here; fetch it first (actions/checkout: fetch-depth: 0)"
        )
    lines = found.splitlines()
    more = (f"… and more: git log {ref}..HEAD",) if len(lines) > _MOST else ()
    return (*lines[:_MOST], *more)


def since_last_update(stack: Stack) -> tuple[str, ...]:
    """Return the commits since the one that the stack was last updated from, if it is known here."""
    for update in stack.history(last=10):
        head = update.environment.get("git.head", "")
        if update.kind == "update" and update.result == "succeeded":
            directory = stack.project.directory
            is_hash = re.fullmatch("[0-9a-f]{40,64}", head)
            known = is_hash and _git(directory, "cat-file", "-e", head) is not None
            return since(directory, head) if known else ()
    return ()


def _git(directory: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ("git", *words), cwd=directory, capture_output=True, text=True, timeout=30, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
