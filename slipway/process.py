"""Other programs: how Slipway runs git, kubectl, buildx and ps."""

import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.errors import CommandFailed, CommandNotFound, CommandTimeout

GIT_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a program."""

    code: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The standard output; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def error(self) -> str:
        """The standard error, stripped; bytes that are not UTF-8 are replaced."""
        return self.stderr.decode(errors="replace").strip()


def run(
    *command: str,
    stdin: str | None = None,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> Result:
    """Run a program without a shell until it ends, and return its result whatever its exit code is.

    `environment` is added to the variables of this process.

    Raises:
        CommandNotFound: the program is not installed.
        CommandTimeout: the program did not end within `timeout_s`, and was killed.
    """
    try:
        completed = subprocess.run(
            command,
            input=None if stdin is None else stdin.encode(),
            capture_output=True,
            cwd=directory,
            env={**os.environ, **environment} if environment else None,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise CommandNotFound(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise CommandTimeout(f"{shlex.join(command)} did not end within {timeout_s:g} s") from None
    return Result(completed.returncode, completed.stdout, completed.stderr)


def git(*arguments: str, directory: Path | None = None) -> str:
    """Return the output of a git command; bytes that are not UTF-8 are replaced. See `git_bytes`."""
    return git_bytes(*arguments, directory=directory).decode(errors="replace")


def git_bytes(*arguments: str, directory: Path | None = None) -> bytes:
    """Return the output of a git command.

    Raises:
        CommandFailed: with the error that git printed, which may be empty.
        CommandNotFound, CommandTimeout: see `run`.
    """
    environment = {"LC_ALL": "C"}  # callers read the errors
    result = run("git", *arguments, directory=directory, environment=environment, timeout_s=GIT_TIMEOUT_S)
    if result.code:
        raise CommandFailed(result.error)
    return result.stdout


def start_time(pid: int) -> str:
    """Return the start time of a process of this machine, or an empty text if the process has ended."""
    return _ps(pid, "lstart")


def is_running(pid: int, program: str) -> bool:
    """Return whether a process of this machine runs the program."""
    return program in _ps(pid, "comm")


def _ps(pid: int, column: str) -> str:
    return run("ps", "-o", f"{column}=", "-p", str(pid)).text.strip()
