"""Running other programs."""

import shlex
import subprocess
from collections.abc import Mapping

from sandbox.platform.instance import SandboxError


def run(
    *argv: str, stdin: str | None = None, env: Mapping[str, str] | None = None, timeout: float = 120
) -> str:
    """Run a program to its end (at most `timeout` seconds) and return what it printed.

    Raises SandboxError with the command and its last words when it fails, or is not there.
    """
    try:
        done = subprocess.run(
            argv, input=stdin, env=env, timeout=timeout, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise SandboxError(f"{argv[0]} is not on PATH: run sandbox/packages.sh") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"{shlex.join(argv)} did not end within {timeout:.0f} s") from error
    if done.returncode:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-20:])
        raise SandboxError(f"{shlex.join(argv)} failed with exit code {done.returncode}:\n{words}")
    return done.stdout


def inside(netns: str) -> tuple[str, ...]:
    """The words that make a command run in a network namespace.

    Not `ip netns exec`: that remounts /sys and hides the cgroups.
    """
    return ("nsenter", f"--net=/run/netns/{netns}")
