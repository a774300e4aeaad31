"""Kill processes of the sandbox, as a power cut does."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from sandbox.platform import cgroups
from sandbox.platform.instance import Instance
from sandbox.platform.processes import Supervisor
from sandbox.shell import run


def kill(pids: Iterable[int]) -> None:
    """End processes at once; some may have ended by themselves."""
    for pid in filter(
        None, pids
    ):  # supervisord has 0 for a process that does not run; kill(0) would kill this process
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


@contextmanager
def powered_off(instance: Instance, node: str) -> Iterator[None]:
    """Power off a node: its processes end at once, and nothing on the network reaches it.

    Its cgroups are gone as well, as after a real power cut.
    """
    own = [process.pid for process in Supervisor(instance).processes() if process.name.startswith(f"{node}-")]
    link = ("ip", "-n", instance.control_netns, "link", "set", node)
    supervisor = int(instance.supervisor_pid_file.read_text())
    with ExitStack() as undo:
        os.kill(supervisor, signal.SIGSTOP)  # or it would start them again at once
        undo.callback(os.kill, supervisor, signal.SIGCONT)
        run(*link, "down")
        undo.callback(run, *link, "up")
        kill(own)
        cgroups.kill(instance, node)
        cgroups.remove(instance, node)
        cgroups.ensure(instance)
        yield
