"""Worker: a process without a port, such as Celery's, RQ's, dramatiq's or arq's."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.autoscaling import Scale
from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.pod import DEFAULT_RESOURCES, TMP, PodSecurity, ProcessResources
from components.kubernetes.probes import CommandProbe
from components.kubernetes.process.component import DeploymentComponent
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process, reporting_its_log
from components.kubernetes.process.volumes import Volume
from components.kubernetes.rollout import Rollout
from components.validation import Count, InputText, Memory, Name, Platform, checked, invalid

NO_PORT = 0
PROVEN_S = 5
"""A pod that has run for this time counts as started: without a port, nothing else shows an early crash."""


class Worker(DeploymentComponent):
    """A Deployment of a process that takes its tasks from elsewhere, and a policy that admits no connection.

    When a pod has to stop, the process gets SIGTERM, and `grace` seconds to end or return its task; then it
    is killed. New pods start before old ones stop.

    `probe`, a command (`Probe.exec`), restarts a process that hangs; without it, only a process that ends is
    restarted. Other arguments are those of WebService. Several workers may run one image:

        WebService("web", namespace=namespace.name, image=image, env=cache.env)
        for queue in ("mail", "reports"):
            command = ["celery", "--app=shop", "worker", f"--queues={queue}"]
            Worker(queue, namespace=namespace.name, image=image, env=cache.env, command=command, grace=600)
    """

    @checked
    def __init__(
        self,
        name: Name,
        *,
        namespace: InputText,
        image: InputText,
        command: Command | None = None,
        args: Command | None = None,
        replicas: Scale = 1,
        env: Sequence[EnvVar] = (),
        files: Sequence[File] = (),
        volumes: Sequence[Volume] = (),
        tmp: Memory = TMP,
        probe: CommandProbe | None = None,
        grace: Count = 60,
        timeout: Count = 100,
        resources: ProcessResources | None = DEFAULT_RESOURCES,
        security: PodSecurity | None = PodSecurity(),
        reaches: Sequence[Endpoint] = (),
        after: Sequence[pulumi.Resource] = (),
        pull_secret: InputText | None = None,
        platform: Platform | None = None,
        network_policy: bool = True,
        spread: bool = True,
        service_account_token: bool = False,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the worker; raise BadArgument first if the arguments do not fit.

        The rollout fails after `timeout` seconds, and the old pods keep working.
        """
        process = Process(
            image=image,
            command=command,
            args=args,
            env=env,
            files=files,
            volumes=volumes,
            tmp=tmp,
            resources=resources,
            security=security,
            reaches=reaches,
            after=after,
            platform=platform,
            token=service_account_token,
        )
        rollout = Rollout(timeout=timeout, min_ready=PROVEN_S, pre_stop=0, termination_grace=grace)
        if problems := list(self._problems(process, replicas, rollout)):
            raise invalid(type(self), name, problems)
        super().__init__(name, namespace, transform, opts)
        pod, needed = self._add_pod(process, _working(name, probe), pull_secret)
        self._add_deployment(process, pod, replicas, rollout, spread, needed)
        if network_policy:
            self._add_network_policy(process)
        self.register_outputs({})


def _working(name: str, probe: CommandProbe | None) -> k8s.core.v1.ContainerArgsDict:
    """Return the part of the container that shows whether it works."""
    container = reporting_its_log(name)
    if probe:
        # Such a command often starts an interpreter, which takes a second and as much CPU.
        container["liveness_probe"] = {**probe.action(NO_PORT), "period_seconds": 30, "timeout_seconds": 10}
    return container
