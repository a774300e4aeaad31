"""Run other programs, and wait for what they do."""

import shlex
import subprocess
import time
from collections.abc import Callable, Mapping

from sandbox.platform.instance import SandboxError


def run(
    *argv: str, stdin: str | None = None, env: Mapping[str, str] | None = None, timeout: float = 120
) -> str:
    """Run a program for at most `timeout` seconds and return its output.

    Raises:
        SandboxError: when the program fails, with the last lines of its output, or is not installed.
    """
    try:
        done = subprocess.run(
            argv, input=stdin, env=env, timeout=timeout, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise SandboxError(f"{argv[0]} is not on PATH: run sandbox/packages.sh") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"{shlex.join(argv)} did not finish within {timeout:.0f} s") from error
    if done.returncode:
        output = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
        raise SandboxError(f"{shlex.join(argv)} failed with exit code {done.returncode}:\n{output}")
    return done.stdout


def inside(netns: str) -> tuple[str, ...]:
    """Return the command prefix that runs a program in a network namespace.

    `ip netns exec` would remount /sys and hide the cgroups.
    """
    return ("nsenter", f"--net=/run/netns/{netns}")


def wait(timeout: float, problems: Callable[[], list[str]]) -> None:
    """Wait at most `timeout` seconds until there are no problems; SandboxError with those that are left."""
    deadline = time.monotonic() + timeout
    while left := problems():
        if time.monotonic() > deadline:
            raise SandboxError(f"timed out after {timeout:.0f} s: {'; '.join(left)}")
        time.sleep(0.2)
