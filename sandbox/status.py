"""The status of the sandbox, as a table or as JSON."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.platform import (
    addons,
    cgroups,
    docker_engine,
    images,
    ingress_controller,
    object_store,
    prometheus,
    readiness,
)
from sandbox.platform.instance import Instance, SandboxError
from sandbox.platform.processes import Process, Supervisor
from sandbox.tools import pulumi_plugins
from sandbox.tools.catalogue import PLATFORM
from sandbox.tools.toolchain import Toolchain

MB = 10**6


@dataclass(frozen=True)
class Memory:
    """Resident memory in bytes; a shared page counts for each of its processes."""

    processes: int
    system_pods: int
    other_pods: int

    @property
    def platform(self) -> int:
        """The memory of the platform without the user's pods."""
        return self.processes + self.system_pods


@dataclass(frozen=True)
class Status:
    """The status of an instance; without `problems` it is healthy."""

    name: str
    processes: list[Process]
    rss_bytes: dict[str, int]
    memory: Memory
    to_build: list[str]
    images: dict[str, str | None]
    plugins: list[str]
    store: str
    """The endpoint and the bucket of the store, and the file with its credentials; empty without a store."""
    ingress: str
    """How clients reach host names; empty without an ingress controller."""
    prometheus: str
    """The URL of Prometheus; empty without one."""
    problems: list[str]


def collect(instance: Instance) -> Status:
    """Return the status of the processes, the cluster, the registry and the tools."""
    processes = Supervisor(instance).processes()
    tools = Toolchain(instance)
    origins, unserved = _images(instance) if processes else ({}, [])
    return Status(
        name=instance.name,
        processes=processes,
        rss_bytes={process.name: _rss(process.pid) for process in processes},
        memory=_memory(instance) if processes else Memory(0, 0, 0),
        to_build=[family.name for family in tools.missing(*PLATFORM)],
        images=origins,
        plugins=pulumi_plugins.report(instance),
        store=_store(instance),
        ingress=ingress_controller.summary(instance) if instance.ingress.exists() else "",
        prometheus=prometheus.url(instance),
        problems=_problems(instance, tools, processes) + unserved,
    )


def _memory(instance: Instance) -> Memory:
    everything, platform = cgroups.processes(instance), cgroups.processes(instance, "platform")
    system = cgroups.processes_of_pods(instance, readiness.system_pods(instance))
    return Memory(*(sum(map(_rss, pids)) for pids in (platform, system, everything - platform - system)))


def _problems(instance: Instance, tools: Toolchain, processes: list[Process]) -> list[str]:
    if not processes:
        return [f"the sandbox is not running: run `{instance.command('up')}`"]
    return [
        *(process.problem(instance) for process in processes if not process.healthy),
        *readiness.unready(instance, addons.deployments(tools)),
        *docker_engine.unready(instance),
        *object_store.unready(instance, tools),
        *ingress_controller.unready(instance),
        *prometheus.unready(instance),
    ]


def _images(instance: Instance) -> tuple[dict[str, str | None], list[str]]:
    """Return the origin of each base image, or the problem of a registry that does not serve."""
    try:
        return {i.reference: images.origin(instance, i) for i in images.base_images(instance)}, []
    except SandboxError as error:
        return {}, [str(error)]


def _store(instance: Instance) -> str:
    found = object_store.find(instance)
    return f"{found.endpoint}, bucket {found.bucket}, credentials in {found.credentials}" if found else ""


def _rss(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 if it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("VmRSS")), 0)


def as_json(status: Status) -> dict[str, object]:
    """Return the status as a JSON object."""
    return {**dataclasses.asdict(status), "platform_rss_bytes": status.memory.platform}


def show(status: Status, console: Console) -> None:
    """Print the status for readers."""
    console.soft_wrap = True
    table = Table(title=f"Sandbox {status.name}", title_justify="left", box=None, pad_edge=False)
    for column in ("PROCESS", "STATE", "UP", "RSS"):
        table.add_column(column, justify="right" if column in ("UP", "RSS") else "left")
    for process in status.processes:
        colour = "green" if process.healthy else "red"
        table.add_row(
            process.name,
            f"[{colour}]{process.state}[/{colour}]",
            _duration(process.uptime_s) if process.pid else "",
            f"{status.rss_bytes[process.name] / MB:.0f} MB" if process.pid else "",
        )
    console.print(table)
    memory = status.memory
    console.print(
        f"\nMemory: {memory.platform / MB:.0f} MB RSS for the platform (DNS and metrics included), "
        f"{memory.other_pods / MB:.0f} MB for other pods"
    )
    for reference, origin in status.images.items():
        console.print(f"Image {reference.removeprefix('library/')}: {origin or 'not in the registry'}")
    for plugin in status.plugins:
        console.print(f"Pulumi plugin {plugin}")
    parts = {"Store": status.store, "Host names": status.ingress, "Prometheus": status.prometheus}
    for name, address in parts.items():
        if address:
            console.print(f"{name}: {address}")
    for family in status.to_build:
        console.print(f"[yellow]not yet compiled[/yellow]: {family}")
    for problem in status.problems:
        console.print(f"[red]✗[/red] {escape(problem)}")
    if not status.problems:
        console.print("[green]✓[/green] nodes, DNS and processes are healthy")


def _duration(seconds: int) -> str:
    if seconds >= 3600:
        return f"{seconds // 3600}h{seconds % 3600 // 60:02}m"
    return f"{seconds // 60}m{seconds % 60:02}s"
