"""Worker on a Docker engine: a process without a port, such as Celery's, RQ's, dramatiq's or arq's."""

from collections.abc import Sequence

import pulumi

from components.docker.answers import check, say
from components.docker.container import stopping
from components.docker.health import alive, health_check
from components.docker.process import ProcessComponent, variables_of
from components.docker.table import ANSWERS
from components.kubernetes.autoscaling import Scale, least
from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.pod import DEFAULT_RESOURCES, TMP, PodSecurity, ProcessResources
from components.kubernetes.probes import CommandProbe
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process
from components.kubernetes.process.volumes import Volume
from components.kubernetes.worker import NO_PORT
from components.validation import Count, InputText, Memory, Name, Platform, checked, invalid


class Worker(ProcessComponent):
    """Containers of a process that takes its tasks from elsewhere, on the networks where these come from.

    When a container has to stop, the process gets SIGTERM, and `grace` seconds to end or return its task;
    then it is killed. New containers are healthy before old ones stop: by `probe`, or if nothing has ended
    for 5 seconds. A process that ends is restarted.

        command = ["celery", "--app=shop", "worker"]
        Worker("mail", namespace=namespace.name, image=image, env=cache.env, command=command, grace=600)
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
        """Make the worker; raise BadArgument, before anything is touched, if the arguments do not fit."""
        said = check(ANSWERS["Worker"], Worker, locals())
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
        if problems := list(process.problems()):
            raise invalid(Worker, name, problems)
        super().__init__(name, namespace, transform, opts)
        say(said, self)
        checked_by = health_check(probe, NO_PORT, timeout, variables_of(process)) if probe else alive(timeout)
        self._add_lasting(
            least(replicas),
            **self._prepare(process),
            **stopping(grace),
            healthcheck=checked_by,
            wait=True,
            wait_timeout=timeout,
        )
        self.register_outputs({})
