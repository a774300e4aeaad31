"""The steps to start and stop the sandbox."""

import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from sandbox import preflight
from sandbox.platform import (
    addons,
    cgroups,
    control_plane,
    docker_engine,
    environment,
    files,
    images,
    ingress_controller,
    network,
    node,
    object_store,
    pki,
    prometheus,
    readiness,
)
from sandbox.platform.instance import NODES, Instance, SandboxError
from sandbox.platform.processes import FOR_SPEED, Program, Supervisor
from sandbox.progress import Progress
from sandbox.shell import wait
from sandbox.tools import pulumi_plugins
from sandbox.tools.catalogue import PLATFORM, Stage
from sandbox.tools.reachability import DOCKER_HUB, reachable
from sandbox.tools.toolchain import Toolchain

# Much longer than on a machine under load.
SERVERS_TIMEOUT_S = 180
PODS_TIMEOUT_S = 300


@contextmanager
def lock(instance: Instance) -> Iterator[None]:
    """Hold the lock of an instance: other commands that change it wait."""
    with files.locked(_lock(instance), mode=0o700):
        # Volumes in it are open to every user. As a parent of other directories it may have another mode.
        instance.state.chmod(0o700)
        yield


def _lock(instance: Instance) -> Path:
    return instance.state / "lock"


def up(
    instance: Instance,
    progress: Progress,
    wait: bool,
    docker: bool = False,
    postgres: bool = False,
    with_store: bool = False,
    ingress: bool = False,
    with_prometheus: bool = False,
) -> None:
    """Start the sandbox.

    With `wait`, also compile the tools that otherwise follow in the background. With `docker`, also start a
    Docker engine, with `postgres` the base image of databases, with `with_store` an object store, with
    `ingress` a controller for host names, and with `with_prometheus` a Prometheus; every later start includes
    them.
    """
    tools = Toolchain(instance)
    docker, ingress = docker or instance.docker.exists(), ingress or instance.ingress.exists()
    with_store = with_store or instance.store.exists()
    with_prometheus = with_prometheus or instance.prometheus.exists()
    stages = _stages(wait, docker, with_store, ingress, with_prometheus)
    missing = tools.missing(*stages)
    preflight.check(instance, bool(missing), docker)
    for directory in (instance.run, instance.etc, instance.logs, instance.state / "etcd"):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    if postgres:
        instance.postgres.touch()
    if docker:
        with progress.step("install the Docker engine"):
            docker_engine.ensure(instance)
    if with_store:
        object_store.ensure(instance)
    if ingress:
        with progress.step("install Envoy"):
            ingress_controller.ensure(instance)
    if with_prometheus:
        instance.prometheus.mkdir(exist_ok=True, mode=0o700)
    if missing:
        _build_and_serve(instance, tools, progress, stages)
    _serve(instance, tools, progress)
    pulumi_plugins.ensure(instance, tools, progress, (pulumi_plugins.DOCKER,) if docker else ())


def _stages(
    wait: bool, docker: bool, with_store: bool, ingress: bool, with_prometheus: bool
) -> tuple[Stage, ...]:
    """Return the stages whose tools a start needs."""
    stages: tuple[Stage, ...] = (*PLATFORM, Stage.TESTS) if wait else (Stage.CLUSTER, Stage.ENGINE)
    if docker:
        stages += (Stage.DOCKER, Stage.DOCKER_TESTS) if wait else (Stage.DOCKER,)
    on_demand = {Stage.STORE: with_store, Stage.INGRESS: ingress, Stage.PROMETHEUS: with_prometheus}
    return (*stages, *(stage for stage, wanted in on_demand.items() if wanted))


def _build_and_serve(
    instance: Instance, tools: Toolchain, progress: Progress, stages: tuple[Stage, ...]
) -> None:
    """Compile the tools, and start each part of the platform as soon as its tools exist."""
    with ThreadPoolExecutor() as pool:
        archives = pool.submit(_base_archives, instance)
        pool.submit(tools.fetch, tools.missing(*stages))
        build(tools, progress, Stage.CLUSTER)
        pulumi = pool.submit(build, tools, progress, Stage.ENGINE)
        _serve(instance, tools, progress, archives)
        pulumi.result()
    build(tools, progress, *stages)


def build(tools: Toolchain, progress: Progress, *stages: Stage) -> None:
    """Compile the tools of these stages that are neither on PATH nor in the cache."""
    missing = tools.missing(*stages)
    for number, family in enumerate(missing, 1):
        left = f", then {', '.join(other.name for other in missing[number:])}" if missing[number:] else ""
        members = f" ({', '.join(tool.name for tool in family.tools)})"
        with progress.step(f"build {family.name}", left, members) as part:
            tools.build(family, part)


def _base_archives(instance: Instance) -> None:
    """Create the archives of the stand-ins while the tools compile."""
    # Without packages, an image that the registry has already is enough: `_fill_registry` decides.
    with suppress(SandboxError):
        if not reachable(DOCKER_HUB):
            for image in images.BASE_IMAGES:
                images.rootfs(instance, image)


def _serve(
    instance: Instance, tools: Toolchain, progress: Progress, archives: Future[None] | None = None
) -> None:
    """Start every process whose tool exists, and wait until the cluster is ready.

    The base images wait for `archives`, if these are still in progress.
    """
    supervisor = Supervisor(instance)
    begun, first = datetime.now(UTC), not supervisor.alive()
    tools.link()
    if first:
        sweep(instance)
    with progress.step("start network and processes"):
        _start(instance, tools, supervisor)
    with progress.step("wait for the servers"):
        wait(SERVERS_TIMEOUT_S, lambda: _unserved(instance, tools))
    environment.ensure_builder(instance)
    _fill_registry(instance, tools, progress, archives)
    if first:
        with progress.step("wait for the nodes and their pods"):
            wait(PODS_TIMEOUT_S, lambda: readiness.stale(instance, begun))
    addons.ensure(instance, tools, progress, PODS_TIMEOUT_S)
    ingress_controller.deploy(instance, tools, progress, PODS_TIMEOUT_S)
    prometheus.deploy(instance, tools, progress, PODS_TIMEOUT_S)
    with progress.step("wait for the other processes"):
        wait(SERVERS_TIMEOUT_S, lambda: [process.problem(instance) for process in supervisor.failing()])


def _start(instance: Instance, tools: Toolchain, supervisor: Supervisor) -> None:
    pki.ensure(instance)
    pki.kubeconfig(instance, "admin")
    environment.ensure(instance)
    cgroups.ensure(instance)
    network.ensure(instance)
    node.ensure(instance)
    if instance.docker.exists():
        docker_engine.ensure_mounts(instance)
    supervisor.configure(programs(instance, tools))
    supervisor.ensure()


def _unserved(instance: Instance, tools: Toolchain) -> list[str]:
    """Return why the servers that the next steps and the user need do not serve."""
    return [
        *readiness.api_unready(instance),
        *images.unready(instance),
        *docker_engine.unready(instance),
        *object_store.unready(instance, tools),
    ]


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Return every process of the platform whose tools exist."""
    return [
        *control_plane.programs(instance, tools),
        *(program for name in NODES for program in node.programs(instance, tools, name)),
        *(docker_engine.programs(instance, tools) if instance.docker.exists() else ()),
        *object_store.programs(instance, tools),
        *ingress_controller.programs(instance, tools),
        *prometheus.programs(instance, tools),
        *([] if tools.missing(Stage.CLUSTER, Stage.ENGINE) else [_late_tools(instance)]),
    ]


def _late_tools(instance: Instance) -> Program:
    """Return the process that compiles the remaining tools and then ends."""
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
    for image in images.base_images(instance):
        with progress.step(f"image {image.reference.removeprefix('library/')}"):
            images.ensure_base(instance, env, image, progress.note)


def down(instance: Instance) -> None:
    """Stop all processes and remove network, mounts and cgroups; keep the data."""
    Supervisor(instance).shutdown()
    sweep(instance)
    network.remove(instance)
    shutil.rmtree(instance.run, ignore_errors=True)


def sweep(instance: Instance) -> None:
    """Kill the processes that a dead supervisor left behind, and remove cgroups and mounts.

    A starting kubelet waits 3 s for each cgroup whose container no longer exists.
    """
    cgroups.kill(instance)
    cgroups.remove(instance)
    files.unmount(instance.state)


def purge(instance: Instance, tools: bool) -> None:
    """Delete the data of a stopped and locked instance; with `tools`, also the user's cache of tools."""
    if cgroups.processes(instance):
        raise SandboxError(f"the sandbox is running: run `{instance.command('down')}` first")
    if tools and instance.cache_home.exists():
        shutil.rmtree(instance.cache_home)
    files.delete(instance.state, _lock(instance))
