"""Plugins that outlive a killed engine: they go on with what they were asked to do, and are ended first."""

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PLUGINS = ("pulumi-resource-", "pulumi-language-")
GRACE_S = 5.0


def orphans(project: Path) -> Iterator[int]:
    """Yield the processes of plugins that serve no engine any more and worked in that directory.

    Only where /proc is (Linux); elsewhere none are found.
    """
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            words = (directory / "cmdline").read_bytes().decode(errors="replace").split("\0")
            parent = int((directory / "stat").read_text().rpartition(")")[2].split()[1])
            where = (directory / "cwd").resolve()
        except (OSError, ValueError):
            continue  # it has just ended, or is another user's
        plugin = any(Path(word).name.startswith(PLUGINS) for word in words[:3])
        if plugin and where == project and not _is_engine(parent):
            yield int(directory.name)


def _is_engine(pid: int) -> bool:
    try:
        return b"pulumi" in Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
    except OSError:
        return False


def end(processes: Iterable[int]) -> None:
    """End processes, and kill those that are not gone within GRACE_S."""
    left = list(processes)
    for number, patience in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        for pid in left:
            _send(pid, number)
        until = time.monotonic() + patience
        while left and time.monotonic() < until:
            left = [pid for pid in left if _send(pid, 0)]
            time.sleep(0.05)


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True
