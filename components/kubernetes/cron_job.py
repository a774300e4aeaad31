"""CronJob: a process that runs on a schedule."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.job import JobName, job_spec
from components.kubernetes.pod import DEFAULT_RESOURCES, TMP, PodSecurity, ProcessResources
from components.kubernetes.process.component import ProcessComponent
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process, reporting_its_log
from components.kubernetes.process.volumes import Volume
from components.kubernetes.schedule import Schedule, TimeZone
from components.validation import Count, InputText, Memory, Platform, Retries, checked, invalid


class CronJob(ProcessComponent):
    """A process that runs on a schedule, never twice at the same time.

    `schedule` is as in crontab(5), "30 4 * * *" or "@daily", in the time zone `time_zone`: "Europe/Berlin".
    If the last run still runs, the next is left out. A run that could not start within `start_within` seconds
    of its time is left out too: the cluster was away, or the last run took so long.

    A run that takes longer than `timeout` seconds is stopped, and has failed. The last three runs that ended
    well stay with their logs, and the last that failed. With `suspend` there are no further runs. Other
    arguments are those of Job.

        command = ["flask", "cleanup"]
        CronJob("cleanup", namespace=namespace.name, image=image, command=command, schedule="30 4 * * *")
    """

    @checked
    def __init__(
        self,
        name: JobName,
        *,
        namespace: InputText,
        image: InputText,
        schedule: Schedule,
        time_zone: TimeZone = "Etc/UTC",
        start_within: Count = 600,
        suspend: bool = False,
        command: Command | None = None,
        args: Command | None = None,
        env: Sequence[EnvVar] = (),
        files: Sequence[File] = (),
        volumes: Sequence[Volume] = (),
        tmp: Memory = TMP,
        timeout: Count = 3600,
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
        """Create the CronJob; raise BadArgument first if the arguments do not fit."""
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
            raise invalid(type(self), name, problems)
        super().__init__(name, namespace, transform, opts)
        pod, needed = self._add_pod(process, reporting_its_log(name), pull_secret)
        spec: k8s.batch.v1.CronJobSpecArgsDict = {
            "schedule": schedule,
            "time_zone": time_zone,
            "starting_deadline_seconds": start_within,
            "suspend": suspend,
            "concurrency_policy": "Forbid",
            "job_template": {"spec": job_spec(self._labels(process), pod, timeout, retries)},
        }
        self._add(k8s.batch.v1.CronJob, name=name, spec=spec, opts=pulumi.ResourceOptions(depends_on=needed))
        if network_policy:
            self._add_network_policy(process)
        self.register_outputs({})
