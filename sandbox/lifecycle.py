"""Bringing the sandbox up, step by step, and down again."""

import fcntl
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sandbox import (
    addons,
    cgroups,
    control_plane,
    environment,
    files,
    images,
    kubernetes,
    mounts,
    network,
    node,
    pki,
    preflight,
    pulumi_plugins,
)
from sandbox.instance import NODES, Instance, SandboxError
from sandbox.processes import Program, Supervisor
from sandbox.progress import Progress
from sandbox.toolchain import Toolchain

LATE = "late-tools"


@contextmanager
def lock(instance: Instance) -> Iterator[None]:
    """Let one command at a time change the instance; another waits."""
    instance.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (instance.state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def up(instance: Instance, progress: Progress, wait: bool) -> None:
    """Bring up what is not up. With `wait`, also what is otherwise built in the background."""
    tools, supervisor = Toolchain(instance), Supervisor(instance)
    begun, afresh = datetime.now(UTC), not supervisor.alive()
    preflight.check(instance, running=not afresh, to_build=bool(tools.missing(late=wait)))
    for directory in (instance.run, instance.etc, instance.logs, instance.state / "etcd"):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ThreadPoolExecutor(1) as pool:
        archives = pool.submit(_base_archives, instance)
        build(tools, progress, late=wait)
        _start(instance, tools, supervisor, progress)
        _fill_registry(instance, tools, progress, archives)
    if afresh:
        with progress.step("wait for the nodes and their pods"):
            kubernetes.wait_for_fresh(instance, begun, timeout=120)
    addons.ensure(instance, tools, progress)
    pulumi_plugins.ensure(instance, tools, progress)


def build(tools: Toolchain, progress: Progress, late: bool) -> None:
    """Build the tools that are neither on PATH nor in the cache."""
    missing = tools.missing(late)
    for number, family in enumerate(missing, 1):
        left = f", then {', '.join(other.name for other in missing[number:])}" if missing[number:] else ""
        with progress.step(f"build {family.name}", left) as part:
            tools.build(family, part)


def _base_archives(instance: Instance) -> None:
    """Make what the stand-ins are made of, while the tools compile."""
    if not images.official_reachable():
        for image in images.BASE_IMAGES:
            images.rootfs(instance, image)


def _start(instance: Instance, tools: Toolchain, supervisor: Supervisor, progress: Progress) -> None:
    tools.link()
    if not supervisor.alive():
        sweep(instance)
    with progress.step("start network and processes"):
        pki.ensure(instance)
        files.kubeconfig(instance, "admin")
        environment.ensure(instance)
        cgroups.ensure(instance)
        network.ensure(instance)
        node.ensure(instance)
        supervisor.configure(programs(instance, tools))
        supervisor.ensure()
    with progress.step("wait for the API server"):
        kubernetes.wait_for_api(instance, timeout=60)
    environment.ensure_builder(instance)


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Every process of the platform."""
    # Ends at once when nothing is left to build.
    late = Program(
        LATE,
        ("nice", sys.executable, "-m", "sandbox", "complete"),
        environment={"PYTHONPATH": str(Path(__file__).parents[1]), "SANDBOX_NAME": instance.name},
        once=True,
    )
    return [
        *control_plane.programs(instance, tools),
        *(program for name in NODES for program in node.programs(instance, tools, name)),
        late,
    ]


def _fill_registry(instance: Instance, tools: Toolchain, progress: Progress, archives: Future[None]) -> None:
    env = environment.process(instance)
    for name, executable in addons.images(tools).items():
        images.ensure_component(instance, env, name, executable)
    for image in images.BASE_IMAGES:
        with progress.step(f"image {image.reference.removeprefix('library/')}"):
            images.ensure_base(instance, env, image, archives)


def down(instance: Instance) -> None:
    """Stop everything and leave nothing in the kernel; the data stays."""
    Supervisor(instance).shutdown()
    sweep(instance)
    network.remove(instance)
    cgroups.remove(instance)
    shutil.rmtree(instance.run, ignore_errors=True)


def sweep(instance: Instance) -> None:
    """End what a dead supervisor left running, and undo the mounts."""
    cgroups.kill(instance)
    mounts.unmount(instance.state)


def purge(instance: Instance, tools: bool) -> None:
    """Delete the data of an instance that is down; with `tools`, the user's cache of built tools too."""
    if cgroups.processes(instance):
        raise SandboxError("the sandbox is running: first `python -m sandbox down`")
    for directory in (instance.state, *((instance.cache_home,) if tools else ())):
        if directory.exists():
            shutil.rmtree(directory)
