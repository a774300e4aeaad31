"""The cgroups of an instance: `sandbox down` finds every process by them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sandbox.platform.instance import CGROUP, NODES, Instance, SandboxError

ROOT = Path("/sys/fs/cgroup")
BUILDS = "builds"
"""The cgroup in which BuildKit runs the steps of a Dockerfile."""


def unified() -> bool:
    """Return whether the machine has one hierarchy (cgroup v2) instead of one per controller (v1)."""
    return (ROOT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    if unified():
        return [ROOT]
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return [Path(mount[1]) for mount in mounts if mount[2] in ("cgroup", "cgroup2")]


def ensure(instance: Instance) -> None:
    """Create a cgroup for the platform's processes, for builds, and for the pods of each node."""
    for hierarchy in _hierarchies():
        parent = hierarchy / instance.cgroup
        parts = [parent / part for part in ("platform", BUILDS, *NODES)]
        for cgroup in (parent, *parts):
            cgroup.mkdir(exist_ok=True)
            if unified():
                _delegate(cgroup.parent)
            else:
                _inherit(cgroup)


def _delegate(cgroup: Path) -> None:
    """Enable every controller of a cgroup for its children (version 2)."""
    controllers = (f"+{name}" for name in (cgroup / "cgroup.controllers").read_text().split())
    try:
        (cgroup / "cgroup.subtree_control").write_text(" ".join(controllers))
    except OSError as error:
        # In a container, the root is a child cgroup with processes, and such a cgroup cannot have children.
        raise SandboxError(
            f"{cgroup} cannot delegate its controllers ({error.strerror}): run the sandbox on the "
            "machine itself, or in a container with the machine's cgroups (--cgroupns=host --privileged)"
        ) from error


def _inherit(cgroup: Path) -> None:
    """Give a new cgroup the processors of its parent (version 1)."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (cgroup / file).exists():
            (cgroup / file).write_text((cgroup.parent / file).read_text())


def platform(instance: Instance) -> Path:
    """Return the file to which a process writes its pid to join the instance with its children."""
    hierarchy = ROOT if unified() else ROOT / "pids"
    return hierarchy / instance.cgroup / "platform/cgroup.procs"


def processes(instance: Instance, part: str = "") -> set[int]:
    """Return the pids of the instance, or of one `part`: `platform`, `builds` or a node."""
    return {pid for cgroup in _cgroups(instance, part) for pid in _pids(cgroup)}


def instances() -> set[str]:
    """Return the names of the instances of any user that have processes."""
    hierarchy = ROOT if unified() else ROOT / "pids"
    return {
        cgroup.name.removeprefix(CGROUP)
        for cgroup in hierarchy.glob(f"{CGROUP}*")
        if any(_pids(file.parent) for file in cgroup.rglob("cgroup.procs"))
    }


def processes_of_pods(instance: Instance, uids: set[str]) -> set[int]:
    """Return the pids of the processes in these pods."""
    return {
        pid
        for cgroup in _cgroups(instance)
        if any(part.removeprefix("pod") in uids for part in cgroup.parts)
        for pid in _pids(cgroup)
    }


def kill(instance: Instance, part: str = "") -> None:
    """Kill every process of the instance, or of one part of it."""
    deadline = time.monotonic() + 20
    while left := processes(instance, part):
        if time.monotonic() > deadline:
            raise SandboxError(f"these processes are still running after SIGKILL: {sorted(left)}")
        for pid in left:
            with suppress(ProcessLookupError):  # it has ended already
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def remove(instance: Instance, part: str = "") -> None:
    """Remove the cgroups of the instance, or of one part of it, which must have no processes."""
    for cgroup in _cgroups(instance, part):
        cgroup.rmdir()


def _cgroups(instance: Instance, part: str = "") -> Iterator[Path]:
    """Yield the cgroups of the instance, or of one part of it, the innermost first."""
    for hierarchy in _hierarchies():
        for directory, _, _ in os.walk(hierarchy / instance.cgroup / part, topdown=False):
            yield Path(directory)


def _pids(cgroup: Path) -> list[int]:
    """Return the processes of a cgroup; none if it was removed, or is threaded (version 2)."""
    try:
        return [int(pid) for pid in (cgroup / "cgroup.procs").read_text().split()]
    except OSError:
        return []
