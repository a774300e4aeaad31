"""Bringing the sandbox up, step by step, and down again."""

import shutil
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from sandbox import preflight
from sandbox.platform import (
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
)
from sandbox.platform.instance import NODES, Instance, SandboxError
from sandbox.platform.processes import FOR_SPEED, Program, Supervisor
from sandbox.progress import Progress
from sandbox.tools import pulumi_plugins
from sandbox.tools.families import Stage
from sandbox.tools.toolchain import Toolchain

# Well beyond what a machine under load takes: only what will never be is given up.
API_WITHIN_S = 180
PODS_WITHIN_S = 300


def lock(instance: Instance) -> AbstractContextManager[None]:
    """Let one command at a time change the instance; another waits."""
    return files.locked(instance.state / "lock", mode=0o700)


def up(instance: Instance, progress: Progress, wait: bool) -> None:
    """Bring up what is not up. With `wait`, also what is otherwise built in the background."""
    tools = Toolchain(instance)
    stages = tuple(Stage) if wait else (Stage.CLUSTER, Stage.ENGINE)
    missing = tools.missing(*stages)
    preflight.check(instance, to_build=bool(missing))
    for directory in (instance.run, instance.etc, instance.logs, instance.state / "etcd"):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if missing:
        _build_and_serve(instance, tools, progress, stages)
    _serve(instance, tools, progress)
    pulumi_plugins.ensure(instance, tools, progress)


def _build_and_serve(
    instance: Instance, tools: Toolchain, progress: Progress, stages: tuple[Stage, ...]
) -> None:
    """Compile the tools, and start each part of the platform as soon as its tools are there."""
    with ThreadPoolExecutor() as pool:
        archives = pool.submit(_base_archives, instance)
        pool.submit(tools.fetch, tools.missing(*stages))
        build(tools, progress, Stage.CLUSTER)
        engine = pool.submit(build, tools, progress, Stage.ENGINE)
        _serve(instance, tools, progress, archives)
        engine.result()
    build(tools, progress, *stages)


def build(tools: Toolchain, progress: Progress, *stages: Stage) -> None:
    """Build the tools of these stages that are neither on PATH nor in the cache."""
    missing = tools.missing(*stages)
    for number, family in enumerate(missing, 1):
        left = f", then {', '.join(other.name for other in missing[number:])}" if missing[number:] else ""
        members = f" ({', '.join(tool.name for tool in family.tools)})"
        with progress.step(f"build {family.name}", left, members) as part:
            tools.build(family, part)


def _base_archives(instance: Instance) -> None:
    """Make what the stand-ins are made of, while the tools compile."""
    if not images.official_reachable():
        for image in images.BASE_IMAGES:
            images.rootfs(instance, image)


def _serve(
    instance: Instance, tools: Toolchain, progress: Progress, archives: Future[None] | None = None
) -> None:
    """Start, or mend, whatever there are tools for, and wait until it is well.

    The base images wait for `archives`, if they are just being made.
    """
    supervisor = Supervisor(instance)
    begun, afresh = datetime.now(UTC), not supervisor.alive()
    tools.link()
    if afresh:
        sweep(instance)
    with progress.step("start network and processes"):
        _start(instance, tools, supervisor)
    with progress.step("wait for the API server"):
        kubernetes.wait_for_api(instance, API_WITHIN_S)
    environment.ensure_builder(instance)
    _fill_registry(instance, tools, progress, archives)
    if afresh:
        with progress.step("wait for the nodes and their pods"):
            kubernetes.wait_for_fresh(instance, begun, PODS_WITHIN_S)
    addons.ensure(instance, tools, progress, PODS_WITHIN_S)


def _start(instance: Instance, tools: Toolchain, supervisor: Supervisor) -> None:
    pki.ensure(instance)
    files.kubeconfig(instance, "admin")
    environment.ensure(instance)
    cgroups.ensure(instance)
    network.ensure(instance)
    node.ensure(instance)
    supervisor.configure(programs(instance, tools))
    supervisor.ensure()


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Every process of the platform that there are tools for."""
    return [
        *control_plane.programs(instance, tools),
        *(program for name in NODES for program in node.programs(instance, tools, name)),
        *([] if tools.missing(Stage.CLUSTER, Stage.ENGINE) else [_late_tools(instance)]),
    ]


def _late_tools(instance: Instance) -> Program:
    """Builds what serving does not need; ends at once when nothing is left to build."""
    return Program(
        "late-tools",
        ("nice", sys.executable, "-m", "sandbox", "complete"),
        environment={
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "SANDBOX_NAME": instance.name,
            **FOR_SPEED,
        },
        once=True,
    )


def _fill_registry(
    instance: Instance, tools: Toolchain, progress: Progress, archives: Future[None] | None
) -> None:
    env = environment.process(instance)
    for name, executable in addons.images(tools).items():
        images.ensure_component(instance, env, name, executable)
    if archives:
        with progress.step("wait for the packages of the base images"):
            archives.result()
    for image in images.BASE_IMAGES:
        with progress.step(f"image {image.reference.removeprefix('library/')}"):
            images.ensure_base(instance, env, image)


def down(instance: Instance) -> None:
    """Stop everything and leave nothing in the kernel; the data stays."""
    Supervisor(instance).shutdown()
    sweep(instance)
    network.remove(instance)
    shutil.rmtree(instance.run, ignore_errors=True)


def sweep(instance: Instance) -> None:
    """End what a dead supervisor left running, and undo the mounts.

    A power cut leaves no cgroups either: for each whose container is gone a kubelet that starts waits 3 s.
    """
    cgroups.kill(instance)
    cgroups.remove(instance)
    mounts.unmount(instance.state)


def purge(instance: Instance, tools: bool) -> None:
    """Delete the data of an instance that is down; with `tools`, the user's cache of built tools too."""
    if cgroups.processes(instance):
        raise SandboxError("the sandbox is running: first `python -m sandbox down`")
    for directory in (instance.state, *((instance.cache_home,) if tools else ())):
        if directory.exists():
            shutil.rmtree(directory)
