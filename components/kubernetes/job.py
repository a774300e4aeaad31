"""Job: a process that runs once for each version, such as a migration."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Annotated, Any

import pulumi
import pulumi_kubernetes as k8s
from pydantic import AfterValidator

from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.pod import DEFAULT_RESOURCES, TMP, PodSecurity, ProcessResources
from components.kubernetes.process.component import ProcessComponent
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process, reporting_its_log
from components.kubernetes.process.volumes import Volume
from components.validation import Count, InputText, Memory, Name, Platform, Retries, checked, invalid

DIGITS = 10
"""The length of the hash in the name of a Job."""
_numbers = itertools.count()


def _job_name(value: str) -> str:
    """Refuse a name that is too long for the label `job-name` of the pods, with a hyphen and the hash."""
    if len(value) > 62 - DIGITS:
        raise ValueError(
            f"must be at most {62 - DIGITS} characters: a hyphen and {DIGITS} more make the name of the Job,"
            " and Kubernetes refuses labels above 63"
        )
    return value


JobName = Annotated[Name, AfterValidator(_job_name)]


class Job(ProcessComponent):
    """A process that runs to its end once for each version, before what names it in `after`.

    The name of the Kubernetes Job has a hash of its pod: image, command, environment, and all else. As long
    as these stay the same, `pulumi up` runs nothing, however often. Finished Jobs stay, with their logs,
    until their namespace is deleted, so that a return to an earlier version does not run its Job again.

    If the process fails, the update fails with the last lines of its log, and what names the Job in `after`
    keeps running as it was. A process that runs for longer than `timeout` seconds is stopped, and has failed.
    A failed process is repeated `retries` times: in its first second, a network policy may not admit the new
    pod yet. A pod whose node was lost or drained is always replaced.

        migrate = Job("migrate", namespace=namespace.name, image=image, command=["flask", "db", "upgrade"])
        WebService("web", namespace=namespace.name, image=image, after=[migrate])
    """

    object_name: pulumi.Output[str]
    """The name of the Kubernetes Job: the component's name, and the hash."""

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
        """Run the job; raise BadArgument first if the arguments do not fit."""
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
        if network_policy:
            needed.append(self._add_network_policy(process))
        spec = job_spec(self._labels(process), pod, timeout, retries)
        self.object_name = self._add_job(spec, timeout, needed).metadata.name
        self.register_outputs({"object_name": self.object_name})

    def _add_job(
        self, spec: k8s.batch.v1.JobSpecArgsDict, timeout: int, needed: Sequence[pulumi.Resource]
    ) -> k8s.batch.v1.Job:
        explain = pulumi.ErrorHook(f"Job {self.pulumi_resource_name} {next(_numbers)} failed", self._explain)
        return self._add(
            k8s.batch.v1.Job,
            name=lambda arguments: name_for(self.pulumi_resource_name, arguments["spec"]),
            annotations={"pulumi.com/timeoutSeconds": str(timeout + 60)},
            spec=spec,
            opts=pulumi.ResourceOptions(
                depends_on=needed,
                retain_on_delete=True,
                hooks=pulumi.ResourceHookBinding(on_error=[explain]),
            ),
        )

    def _explain(self, failure: pulumi.ErrorHookArgs) -> bool:
        """Print what to do: the provider reports only what happened."""
        pulumi.log.error(advice(*failed_job(failure), failure.errors), self)
        return False  # do not try again


def name_for(prefix: str, spec: k8s.batch.v1.JobSpecArgsDict) -> pulumi.Output[str]:
    """Return the name of the Job with this spec, which Kubernetes never lets change."""

    def name(text: str) -> str:
        return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:DIGITS]}"

    # The hash is not secret: it covers the names of secrets, and values that the pod shows anyway.
    return pulumi.Output.unsecret(pulumi.Output.json_dumps(spec, sort_keys=True).apply(name))


def failed_job(failure: pulumi.ErrorHookArgs) -> tuple[str | None, str | None]:
    """Return the name and the namespace of a Job that failed."""
    metadata: dict[str, Any] = dict(failure.new_inputs or {}).get("metadata", {})
    return metadata.get("name"), metadata.get("namespace")


def job_spec(
    labels: dict[str, str], pod: k8s.core.v1.PodSpecArgsDict, timeout: int, retries: int
) -> k8s.batch.v1.JobSpecArgsDict:
    """Return the spec of a Job whose pods stay, with their logs, whether they fail or not."""
    return {
        "active_deadline_seconds": timeout,
        "backoff_limit": retries,
        # A pod that its node's drain or loss has ended does not count as failed, and is replaced.
        "pod_failure_policy": {
            "rules": [
                {"action": "Ignore", "on_pod_conditions": [{"type": "DisruptionTarget", "status": "True"}]}
            ]
        },
        "template": {"metadata": {"labels": labels}, "spec": {**pod, "restart_policy": "Never"}},
    }


def advice(name: str | None, namespace: str | None, errors: Sequence[str]) -> str:
    """Return what to do about a Job that failed, or could not be made."""
    if any("already exists" in error for error in errors):
        return (
            f"Job {name} has run before, and is not in this stack's state. To take it over as it is, without"
            " running it again: pulumi config set kubernetes:upsertExistingObjects true && pulumi up"
        )
    ended = "ran for longer than its `timeout`" if any("DeadlineExceeded" in e for e in errors) else "failed"
    return (
        f"Job {name} {ended}. What waits for it was left as it was.\n"
        f"  Its whole log: kubectl --namespace {namespace} logs job/{name}\n"
        "  Correct the cause. Another image, command or variable makes another Job: pulumi up\n"
        "  To run this one again, delete it first:"
        f" kubectl --namespace {namespace} delete job/{name} && pulumi up --refresh"
    )
