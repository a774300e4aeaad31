"""Orphaned plugins: they survive a killed engine, continue its work, and must end before a repair."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PLUGINS = ("pulumi-resource-", "pulumi-language-")
GRACE_S = 5.0


def orphans(project: Path) -> Iterator[int]:
    """Yield the process ids of plugins that run in a project's directory without an engine.

    This needs /proc (Linux); other systems have no result.
    """
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            working_directory = (directory / "cwd").resolve()
        except (OSError, ValueError):
            continue  # the process has just ended, or belongs to another user
        plugin = any(Path(argument).name.startswith(PLUGINS) for argument in arguments[:3])
        if plugin and working_directory == project and not _is_engine(parent):
            yield int(directory.name)


def _is_engine(pid: int) -> bool:
    try:
        return b"pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
    except OSError:
        return False


def end(processes: Iterable[int]) -> None:
    """Terminate processes, and kill the processes that still run after GRACE_S."""
    running = list(processes)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in running:
            _send(pid, number)
        deadline = time.monotonic() + GRACE_S
        while running and time.monotonic() < deadline:
            running = [pid for pid in running if _send(pid, 0)]
            time.sleep(0.05)


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True
