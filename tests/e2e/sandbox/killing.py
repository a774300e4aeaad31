"""Ending what runs on the sandbox as a power cut does."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sandbox import cgroups
from sandbox.instance import Instance
from sandbox.processes import Supervisor
from sandbox.shell import run


def kill(pids: Iterable[int]) -> None:
    """End processes at once; some may have ended by themselves."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@contextmanager
def powered_off(instance: Instance, node: str) -> Iterator[None]:
    """Take a node its power: its processes end at once, and nothing on the network reaches it."""
    own = [one.pid for one in Supervisor(instance).processes() if one.name.startswith(f"{node}-")]
    supervisor = int((instance.run / "supervisord.pid").read_text())
    link = ("ip", "-n", instance.control_netns, "link", "set", node)
    os.kill(supervisor, signal.SIGSTOP)  # or it would start them again at once
    try:
        run(*link, "down")
        kill(own)
        kill(cgroups.processes(instance, node))
        yield
    finally:
        run(*link, "up")
        os.kill(supervisor, signal.SIGCONT)
