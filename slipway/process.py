"""Run other programs, and inspect processes."""

import getpass
import os
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.errors import CommandFailed, CommandNotFound, CommandTimeout

GIT_TIMEOUT_S = 30.0
PROC = Path("/proc")
_INITIAL_UTS, _INITIAL_PID = "uts:[4026531838]", "pid:[4026531836]"
"""The host's own namespaces: https://github.com/torvalds/linux/blob/master/include/linux/proc_ns.h"""


_PULUMI_SECRETS = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_ACCESS_TOKEN")


def child_environment(**added: str) -> dict[str, str]:
    """Return the variables of this process for another program, without the secrets of Pulumi."""
    return {key: value for key, value in os.environ.items() if key not in _PULUMI_SECRETS} | added


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

    `environment` is added to the variables of this process, which are those of `child_environment`.

    Raises:
        CommandNotFound: the program is not installed.
        CommandFailed: the program cannot be run.
        CommandTimeout: the program did not end within `timeout_s`, and was killed.
    """
    try:
        completed = subprocess.run(
            command,
            input=(stdin or "").encode(),  # a program that asks for input ends instead of waiting
            capture_output=True,
            cwd=directory,
            env=child_environment(**environment or {}),
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError:
        raise CommandNotFound(f"{command[0]} is not installed") from None
    except OSError as error:
        raise CommandFailed(f"{command[0]} cannot be run: {error.strerror}") from None
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


def current_user() -> str:
    """Return the user who started the CI job, else git's user, else the user of this machine."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        if os.environ.get(name):
            return os.environ[name]
    try:
        email = git("config", "user.email").strip()
    except CommandFailed:
        email = ""
    try:
        return email or getpass.getuser()
    except (OSError, KeyError):  # containers with any user id have no name for it
        return f"user {os.getuid()}"


def process_space() -> str:
    """Return the boot and the PID namespace, in which a PID has a meaning; empty without /proc."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def start_time(pid: int) -> str | None:
    """Return the start time of a process of this PID namespace.

    It does not depend on the time zone, the language or a change of the clock. The text is empty if the
    process has ended, also if its parent has not read its exit code; None if that is unknown.
    """
    if not _has_proc():
        return _ps(pid, "lstart")
    fields = _stat(pid)
    if fields is None:
        return None if _exists(pid) else ""
    return "" if fields[0] in ("Z", "X") else f"{fields[19]} ticks"


def is_running(pid: int, program: str) -> bool | None:
    """Return whether a process of this host runs the program; None if that is unknown.

    The PID may be of another PID namespace: containers share the name of a host when they share its network.
    """
    if not _has_proc():
        command = _ps(pid, "comm")
        return None if command is None else program in command
    for directory in PROC.glob("[0-9]*"):
        status = _fields(directory / "status")
        pids = (directory.name, *status.get("NSpid", "").split())  # its PID in each namespace
        ended = status.get("State", "").startswith(("Z", "X"))
        if str(pid) in pids and program in status.get("Name", "") and not ended:
            return True
    if _stat(pid) is None and _exists(pid):
        return None
    # The namespaces inside this one are visible, but the processes of the host outside are not.
    own, host = (str((PROC / f"self/ns/{name}").readlink()) for name in ("pid", "uts"))
    return None if host == _INITIAL_UTS and own != _INITIAL_PID else False


def _has_proc() -> bool:
    return (PROC / "self/stat").exists()


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state on: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html."""
    try:
        return (PROC / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _fields(status: Path) -> dict[str, str]:
    """Return the fields of /proc/PID/status; none if the process has just ended."""
    try:
        lines = status.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _exists(pid: int) -> bool:
    """Return whether a process exists, also if /proc hides it."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def _ps(pid: int, column: str) -> str | None:
    """Return a column of `ps`, empty for a process that has ended; None if `ps` is missing or refuses."""
    environment = {"TZ": "UTC", "LC_ALL": "C"}
    try:
        result = run("ps", "-o", f"{column}=", "-p", str(pid), environment=environment)
    except CommandFailed:
        return None
    return None if result.error else result.text.strip()
