"""`slipway logs`: the logs of a stack's pods."""

import subprocess
import threading
import time
from datetime import UTC, datetime
from itertools import cycle
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from slipway import interrupts
from slipway.cli.console import info
from slipway.cli.options import HERE, Directory, OptionalComponent, Stack
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.pods import component_workloads
from slipway.cluster.rollout import pods_of
from slipway.process import child_environment
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red")
_POLL_S = 2.0


def logs(
    stack: Stack,
    component: OptionalComponent = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines, also of new pods, until Ctrl-C.")
    ] = False,
    tail: Annotated[int, typer.Option(min=0, help="Number of last lines of each container.")] = 100,
    cwd: Directory = HERE,
) -> None:
    """Print the logs of all pods of a component, or of the whole stack. Each line starts with its pod."""
    snapshot = StackSnapshot.read(Project(cwd), stack)
    logs_of_pods = PodLogs(snapshot.cluster, Console(highlight=False))
    workloads = component_workloads(snapshot.cluster, snapshot.objects, component)
    pods = [pod for workload in workloads for pod in pods_of(snapshot.cluster, workload)]
    if follow:
        interrupts.exit_on_sigterm()
        logs_of_pods.follow(workloads, tail)
    else:
        for pod in pods:
            logs_of_pods.show(pod, tail)
        if not pods:
            info("no pods are running")


class PodLogs:
    """The logs of several pods on one console."""

    def __init__(self, cluster: Cluster, console: Console) -> None:
        """Use a console; its output is coloured on a terminal."""
        self._cluster = cluster
        self._console = console
        self._next_colour = cycle(_COLOURS)
        self._colours: dict[str, str] = {}
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._threads: dict[str, threading.Thread] = {}

    def show(self, pod: Object, tail: int) -> None:
        """Print the last lines of a pod."""
        done = subprocess.run(
            self._command(pod, f"--tail={tail}"),
            capture_output=True,
            text=True,
            errors="replace",
            env=child_environment(),
            check=False,
        )
        for line in (*done.stdout.splitlines(), *done.stderr.splitlines()):
            self._print(pod["metadata"]["name"], line)

    def follow(self, workloads: list[Object], tail: int) -> None:
        """Print the logs of the workloads' pods, also of pods that start later, until Ctrl-C."""
        since: dict[str, str] = {}
        first = True
        try:
            while True:
                for pod in (pod for workload in workloads for pod in pods_of(self._cluster, workload)):
                    name = pod["metadata"]["name"]
                    if name not in self._threads:
                        self._start(pod, f"--tail={tail if first else -1}")
                    elif not self._threads[name].is_alive():  # the container restarts, or waits for its start
                        self._start(pod, f"--since-time={since[name]}" if name in since else "--tail=-1")
                    else:
                        since[name] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                first = False
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            pass
        finally:
            for process in self._processes.values():
                process.terminate()

    def _start(self, pod: Object, option: str) -> None:
        name = pod["metadata"]["name"]
        process = subprocess.Popen(
            self._command(pod, option, "--follow"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            env=child_environment(),
        )
        self._processes[name] = process
        self._threads[name] = threading.Thread(target=self._read, args=(name, process), daemon=True)
        self._threads[name].start()

    def _read(self, name: str, process: "subprocess.Popen[str]") -> None:
        with process:
            for line in process.stdout or ():
                self._print(name, line.rstrip("\n"))

    def _command(self, pod: Object, *options: str) -> list[str]:
        metadata = pod["metadata"]
        return self._cluster.command(
            "logs", metadata["name"], "-n", metadata["namespace"], "--all-containers", *options
        )

    def _print(self, name: str, line: str) -> None:
        colour = self._colours.setdefault(name, next(self._next_colour))
        self._console.print(Text.assemble((f"{name} ", colour), Text.from_ansi(line)), soft_wrap=True)
