"""`slipway run`: a command in a pod of its own."""

import time
from typing import Annotated

import typer

from slipway import interrupts
from slipway.cli.console import info
from slipway.cli.options import HERE, Component, Directory, Stack
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.pods import component_workloads, exit_code, one_off_pod, read_pod, wait_for_start
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot


def run(
    stack: Stack,
    component: Component,
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND", help="Command and its arguments, after --.")
    ],
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Connect the command to this terminal.")
    ] = False,
    cwd: Directory = HERE,
) -> None:
    """Run a command in a new pod like those of a component, then delete the pod.

    The pod has the component's image, environment, ServiceAccount, security context and labels, and gets no
    requests from Services. Use it for migrations and other tasks:

        slipway run dev web -- flask db upgrade

    Exit code: the command's; 1 if the pod cannot start.
    """
    snapshot = StackSnapshot.read(Project(cwd), stack)
    workload = component_workloads(snapshot.cluster, snapshot.objects, component)[0]
    interrupts.exit_on_sigterm()
    raise typer.Exit(_run(snapshot.cluster, one_off_pod(workload, command, interactive), interactive))


def _run(cluster: Cluster, manifest: Object, interactive: bool) -> int:
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    container = f"--container={manifest['spec']['containers'][0]['name']}"
    created = cluster.create(manifest)
    try:
        pod = wait_for_start(cluster, created)
        if interactive and exit_code(pod) is None:
            info(f"attached to {name}; press Enter if there is no prompt")
            cluster.attached("attach", name, "-n", namespace, container, "-it")
        else:
            cluster.attached("logs", name, "-n", namespace, container, "-f")
        while (code := exit_code(read_pod(cluster, manifest))) is None:
            time.sleep(0.5)
        return code
    finally:
        cluster.kubectl("delete", "pod", name, "-n", namespace, "--ignore-not-found", "--wait=false")
