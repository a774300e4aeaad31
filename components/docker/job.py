"""Job on a Docker engine: a process that runs once for each version, such as a migration."""

from collections.abc import Sequence

import pulumi

from components.docker.answers import check, say
from components.docker.process import ProcessComponent
from components.docker.table import ANSWERS
from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.job import JobName
from components.kubernetes.pod import DEFAULT_RESOURCES, TMP, PodSecurity, ProcessResources
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process
from components.kubernetes.process.volumes import Volume
from components.validation import Count, InputText, Memory, Platform, Retries, checked, invalid


class Job(ProcessComponent):
    """A process that runs to its end once for each version, before what names it in `after`.

    Its container stays when it has ended, with its log. As long as image, command, environment, and all else
    stay the same, `pulumi up` runs nothing, however often. A return to an earlier version runs its Job again.

    If the process fails, the update fails with the last lines of its log, and what names the Job in `after`
    keeps running as it was. A process that runs for longer than `timeout` seconds is stopped, and has failed.

        migrate = Job("migrate", namespace=namespace.name, image=image, command=["flask", "db", "upgrade"])
        WebService("web", namespace=namespace.name, image=image, after=[migrate])
    """

    object_name: pulumi.Output[str]
    """The name of the container: the component's name, and random characters."""

    @checked
    def __init__(
        self,
        name: JobName,
        *,
        namespace: InputText,
        image: InputText,
        command: Command | None = None,
        args: Command | None = None,
        env: Sequence[EnvVar] = (),
        files: Sequence[File] = (),
        volumes: Sequence[Volume] = (),
        tmp: Memory = TMP,
        timeout: Count = 600,
        retries: Retries = 1,
        resources: ProcessResources | None = DEFAULT_RESOURCES,
        security: PodSecurity | None = PodSecurity(),
        reaches: Sequence[Endpoint] = (),
        after: Sequence[pulumi.Resource] = (),
        pull_secret: InputText | None = None,
        platform: Platform | None = None,
        network_policy: bool = True,
        service_account_token: bool = False,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Run the job; raise BadArgument, before anything is touched, if the arguments do not fit."""
        said = check(ANSWERS["Job"], Job, locals())
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
            raise invalid(Job, name, problems)
        super().__init__(name, namespace, transform, opts)
        say(said, self)
        container, _ = self._add_ending("", timeout, **self._prepare(process))
        self.object_name = container.name
        self.register_outputs({"object_name": self.object_name})
