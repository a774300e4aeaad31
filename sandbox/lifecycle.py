"""Bringing the sandbox up, step by step, and down again."""

import fcntl
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sandbox import (
    cgroups,
    control_plane,
    environment,
    files,
    images,
    kubernetes,
    network,
    node,
    pki,
)
from sandbox.instance import NODES, Instance, SandboxError
from sandbox.processes import Program, Supervisor
from sandbox.progress import Progress
from sandbox.toolchain import Toolchain


@contextmanager
def lock(instance: Instance) -> Iterator[None]:
    """Let one `up` or `down` at a time change the instance; another waits."""
    instance.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (instance.state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def up(instance: Instance, progress: Progress) -> None:
    """Bring up what is not up."""
    for directory in (instance.run, instance.etc, instance.logs, instance.state / "etcd"):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    tools = Toolchain(instance)
    with ThreadPoolExecutor(1) as pool:
        archives = pool.submit(_base_archives, instance)
        for family in tools.missing():
            with progress.step(f"build {family.name}") as said:
                tools.build(family, said)
        tools.link()
        _start(instance, tools, progress)
        _fill_registry(instance, tools, progress, archives)
    _addons(instance, tools, progress)


def _base_archives(instance: Instance) -> None:
    """Make what the stand-ins are made of while the tools compile."""
    for image in images.BASE_IMAGES:
        images.rootfs(instance, image)


def _start(instance: Instance, tools: Toolchain, progress: Progress) -> None:
    supervisor = Supervisor(instance)
    if not supervisor.alive():
        sweep(instance)
    with progress.step("network and processes"):
        pki.ensure(instance)
        files.kubeconfig(instance, "admin")
        environment.ensure(instance)
        cgroups.ensure(instance)
        network.ensure(instance)
        node.ensure(instance)
        supervisor.configure(programs(instance, tools))
        supervisor.ensure()
        environment.ensure_builder(instance)
    with progress.step("API server"):
        kubernetes.wait_for_api(instance, timeout=60)


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Every process of the platform."""
    return [
        *control_plane.programs(instance, tools),
        *(program for name in NODES for program in node.programs(instance, tools, name)),
    ]


def _fill_registry(instance: Instance, tools: Toolchain, progress: Progress, archives: Future[None]) -> None:
    env = environment.process(instance)
    for name, executable in (("pause", "catatonit"), ("coredns", "coredns")):
        images.ensure_component(instance, env, name, Path(tools.path(executable)))
    for image in images.BASE_IMAGES:
        with progress.step(f"image {image.reference}"):
            archives.result()
            images.ensure_base(instance, env, image)


def _addons(instance: Instance, tools: Toolchain, progress: Progress) -> None:
    values = {
        "registry": instance.registry,
        "dns_ip": instance.dns_ip,
        "coredns": images.component("coredns", Path(tools.path("coredns"))),
    }
    with progress.step("nodes and DNS"):
        kubernetes.apply(instance, ("coredns", "storage"), values)
        kubernetes.wait(instance, ("coredns",), timeout=120)


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
    node.remove(instance)


def purge(instance: Instance) -> None:
    """Delete the data of an instance that is down."""
    if cgroups.processes(instance):
        raise SandboxError("the sandbox is running: first `python -m sandbox down`")
    shutil.rmtree(instance.state, ignore_errors=True)
