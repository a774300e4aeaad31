"""The cgroups that hold all processes of an instance: how `down` finds every one of them."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from sandbox.platform.instance import CGROUP as PREFIX
from sandbox.platform.instance import NODES, Instance, SandboxError

ROOT = Path("/sys/fs/cgroup")
# Where BuildKit runs the steps of a Dockerfile.
BUILDS = "builds"


def unified() -> bool:
    """Whether the machine has one hierarchy (cgroup v2) rather than one per controller (v1)."""
    return (ROOT / "cgroup.controllers").exists()


def _hierarchies() -> list[Path]:
    if unified():
        return [ROOT]
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return [Path(mount[1]) for mount in mounts if mount[2] in ("cgroup", "cgroup2")]


def ensure(instance: Instance) -> None:
    """Make a cgroup for the platform's processes and, as each kubelet wants, one for its node's pods."""
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
    """Version 2: let a cgroup's children have every controller that it has."""
    controllers = (f"+{name}" for name in (cgroup / "cgroup.controllers").read_text().split())
    try:
        (cgroup / "cgroup.subtree_control").write_text(" ".join(controllers))
    except OSError as error:
        # In a container the root is another's child, whose processes keep it from having children.
        raise SandboxError(
            f"{cgroup} cannot hand its controllers on ({error.strerror}): run the sandbox on the "
            "machine itself, or in a container that has its cgroups (--cgroupns=host --privileged)"
        ) from error


def _inherit(cgroup: Path) -> None:
    """Version 1: a new cgroup has no processors until it is told which."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (cgroup / file).exists():
            (cgroup / file).write_text((cgroup.parent / file).read_text())


def platform(instance: Instance) -> Path:
    """The file that a process writes its pid to so that it and its children belong to the instance."""
    hierarchy = ROOT if unified() else ROOT / "pids"
    return hierarchy / instance.cgroup / "platform/cgroup.procs"


def processes(instance: Instance, part: str = "") -> set[int]:
    """The pids of the instance's processes, or of one `part`: `platform`, or a node's pods."""
    return {
        int(pid)
        for cgroup in _cgroups(instance, part)
        for pid in _read(cgroup / "cgroup.procs").split()
    }  # fmt: skip


def instances() -> set[str]:
    """The names of the instances, of any user, that have processes."""
    hierarchy = ROOT if unified() else ROOT / "pids"
    return {
        cgroup.name.removeprefix(PREFIX)
        for cgroup in hierarchy.glob(f"{PREFIX}*")
        if any(_read(file).strip() for file in cgroup.rglob("cgroup.procs"))
    }


def of_pods(instance: Instance, uids: set[str]) -> set[int]:
    """The pids of the processes in these pods."""
    return {
        int(pid)
        for cgroup in _cgroups(instance)
        if any(part.removeprefix("pod") in uids for part in cgroup.parts)
        for pid in _read(cgroup / "cgroup.procs").split()
    }


def kill(instance: Instance, part: str = "") -> None:
    """End every process of the instance, or of one part of it, at once."""
    deadline = time.monotonic() + 20
    while left := processes(instance, part):
        if time.monotonic() > deadline:
            raise SandboxError(f"these processes do not end: {sorted(left)}")
        for pid in left:
            _kill(pid)
        time.sleep(0.05)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it ended by itself in the meantime


def remove(instance: Instance, part: str = "") -> None:
    """Take the cgroups away, or those of one part; they must be empty of processes."""
    for cgroup in _cgroups(instance, part):
        cgroup.rmdir()


def _cgroups(instance: Instance, part: str = "") -> Iterator[Path]:
    """Every cgroup of the instance or of one part of it, innermost first."""
    for hierarchy in _hierarchies():
        for directory, _, _ in os.walk(hierarchy / instance.cgroup / part, topdown=False):
            yield Path(directory)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""  # the cgroup went away, or (v2) is threaded
