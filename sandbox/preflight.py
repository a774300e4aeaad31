"""The checks before `sandbox up`: they report every problem at once, and change nothing."""

import ctypes
import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sandbox.platform import cgroups, docker_engine, network
from sandbox.platform.instance import Instance, SandboxError, program

PACKAGES = Path(__file__).with_name("packages.txt")
MEMORY_GIB = 3
# The idle platform takes 1.4 GiB; builds and deployments need more.
FREE_MEMORY_GIB = 2.5
# The engine itself, and the containers of a small stack.
DOCKER_MEMORY_GIB = 0.5
DISK_GB = 4
DISK_TO_BUILD_GB = 14
# The oldest Go that downloads the toolchain of a go.mod.
GO = (1, 21)
# Each command runs in a network namespace of its own.
KERNEL = {
    "overlay file systems": ("sh", "-c", "grep -qw overlay /proc/filesystems || modprobe overlay"),
    "veth links": ("ip", "link", "add", "trial0", "type", "veth", "peer", "name", "trial1"),
    "bridges": ("ip", "link", "add", "trial0", "type", "bridge"),
    "nftables with NAT": ("nft", "add table t; add chain t c { type nat hook postrouting priority srcnat; }"),
    "ipset": ("ipset", "create", "a", "hash:net"),
    "iptables with conntrack": ("iptables", "-A", "INPUT", "-m", "conntrack", "--ctstate", "NEW"),
}
# The processes of an instance watch files with 27, pods with a few more. Linux allows 128 per user.
INOTIFY_INSTANCES = 40
CONTROLLERS = {"cpu", "cpuset", "memory", "pids"}


def check(instance: Instance, to_build: bool, docker: bool = False) -> None:
    """Raise SandboxError with every problem.

    With `to_build`, also check the needs of compiling, and with `docker` those of the Docker engine.
    """
    problems = [*_machine(instance, to_build)]
    if missing := list(_packages()):
        command = f"apt-get update && apt-get install --yes --no-install-recommends {' '.join(missing)}"
        problems.append(f"system packages are missing: run sandbox/packages.sh, which runs\n    {command}")
    if to_build:
        problems += _go()
    if docker:
        problems += docker_engine.problems(instance)
    # A running process of the instance has its addresses already.
    if platform.system() == "Linux" and not cgroups.processes(instance):
        needed = FREE_MEMORY_GIB + (DOCKER_MEMORY_GIB if docker else 0)
        problems += [*_free_memory(instance, needed), *_kernel(), *_addresses(instance, docker)]
    if problems:
        raise SandboxError("the sandbox cannot start:\n" + "\n".join(f"- {problem}" for problem in problems))


def _machine(instance: Instance, to_build: bool) -> Iterator[str]:
    if platform.system() != "Linux":
        yield f"this is {platform.system()}: the sandbox needs Linux (a virtual machine will do)"
        return
    if os.geteuid() != 0:
        yield "not root: network namespaces and mounts need root; run as root, in a shell of `sudo -E -s`"
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if total < MEMORY_GIB:
        yield f"the machine has {total:.1f} GiB of memory: {MEMORY_GIB} GiB are needed"
    needed = {instance.state_home: DISK_GB, instance.cache_home: DISK_TO_BUILD_GB if to_build else DISK_GB}
    for directory, gigabytes in needed.items():
        existing = next(path for path in (directory, *directory.parents) if path.exists())
        free = shutil.disk_usage(existing).free / 1e9
        if free < gigabytes:
            yield f"{directory} has {free:.1f} GB of free space: {gigabytes} GB are needed"
    for overlaid in ("/var", "/run"):
        if instance.state.is_relative_to(overlaid):
            yield f"{instance.state} is in {overlaid}, which nodes overlay: set XDG_STATE_HOME elsewhere"
    # The kernel's limit for the path of a unix socket.
    if len(str(instance.run / "supervisor.sock.12345678")) > 107:
        yield f"{instance.run} is too long for a socket: set a shorter XDG_STATE_HOME or SANDBOX_NAME"


def _free_memory(instance: Instance, needed: float) -> Iterator[str]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    free = next((int(line[1]) / 2**20 for line in lines if line[0] == "MemAvailable:"), needed)
    if free < needed:
        others = sorted(cgroups.instances() - {instance.name})
        stop = " and ".join(f"`SANDBOX_NAME={name} {program()} down`" for name in others)
        advice = f"{stop} stops another sandbox and keeps its data" if others else "stop other programs"
        yield f"{free:.1f} GiB of memory are free: {needed} GiB are needed; {advice}"


def _packages() -> Iterator[str]:
    for line in PACKAGES.read_text().splitlines():
        if line and not line.startswith("#"):
            package, file = line.split()
            if not Path(file).exists() and not shutil.which(file):
                yield package


def _go() -> list[str]:
    advice = f"install Go {GO[0]}.{GO[1]} or later (go.dev/doc/install) and put `go` on PATH"
    if not shutil.which("go"):
        return [f"Go is missing: {advice}"]
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"go(\d+)\.(\d+)", version)
    if not match or tuple(map(int, match.groups())) < GO:
        return [f"Go is too old ({version.strip()}): {advice}"]
    return []


def _kernel() -> Iterator[str]:
    # Other checks report a missing command and missing rights.
    trials = {name: trial for name, trial in KERNEL.items() if os.geteuid() == 0 and shutil.which(trial[0])}
    for feature, trial in trials.items():
        done = subprocess.run(["unshare", "--net", *trial], capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"the kernel lacks {feature}: {(done.stderr or done.stdout).strip()}"
    v2 = Path("/sys/fs/cgroup/cgroup.controllers")
    if v2.exists():
        present = set(v2.read_text().split())
    else:
        rows = (line.split() for line in Path("/proc/cgroups").read_text().splitlines()[1:])
        present = {row[0] for row in rows if row[1] != "0" and row[3] == "1"}
    if CONTROLLERS - present:
        yield f"cgroup controllers are missing: {', '.join(sorted(CONTROLLERS - present))}"

    spare = _spare_inotify_instances()
    if spare < INOTIFY_INSTANCES:
        yield (
            f"only {spare} inotify instances are left, {INOTIFY_INSTANCES} are needed: "
            "stop another sandbox, or run `sysctl fs.inotify.max_user_instances=1024`"
        )


def _spare_inotify_instances() -> int:
    """Return the number of inotify instances that this user can still create, up to the needed number."""
    libc = ctypes.CDLL(None)
    opened: list[int] = []
    while len(opened) < INOTIFY_INSTANCES and (file := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
        opened.append(file)
    for file in opened:
        os.close(file)
    return len(opened)


def _addresses(instance: Instance, docker: bool) -> Iterator[str]:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", instance.registry_port))
        except OSError:
            yield (
                f"port {instance.registry_port} of 127.0.0.1 is taken (see `ss -ltnp`): free it, "
                "or choose another SANDBOX_NAME, which has another port"
            )
    for route in network.overlaps(instance, docker) if shutil.which("ip") else ():
        yield f"the route {route} overlaps the sandbox's addresses: choose another SANDBOX_NAME"
