"""Training: a process that makes a model, which `slipway train` runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, cast

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field

from components.image.registry import RegistryCredentials
from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.job import JobName, job_spec
from components.kubernetes.model_reference import Model, SlipwayError, read
from components.kubernetes.pod import TMP, Compute, PodSecurity, Resources, defaulting_to
from components.kubernetes.process.component import ProcessComponent
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process, reporting_its_log
from components.kubernetes.process.volumes import Volume
from components.kubernetes.schedule import Schedule, TimeZone
from components.validation import Count, InputText, Memory, Platform, Retries, checked, invalid

TRAINING = {"slipway.dev/training": "true"}
"""The label by which `slipway train` finds the component; slipway/models/training.py has it too."""
OUTPUT = "/output"
KNOWN = "KNOWN_DATA"
"""The variable with the hash of the data of a known model; slipway/models/training.py has it too."""
KEPT_S = 3600
"""The time after which Kubernetes deletes a run that `slipway train` has not deleted."""
DEFAULTS = Resources(requests=Compute(cpu="500m", memory="512Mi"), limits=Compute(cpu="1", memory="1Gi"))
_FETCH = Resources(requests=Compute(cpu="10m", memory="16Mi"), limits=Compute(cpu="100m", memory="64Mi"))
Accelerator = Annotated[str, Field(pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")]


class Training(ProcessComponent):
    """A process that trains a model: `slipway train STACK` runs it, and makes an image of what it writes.

    `pulumi up` trains nothing: the component is a suspended CronJob, the template of the runs. The process
    finds `SEED` in its environment, and writes model.onnx, card.json, held-out.json and training-rows.txt to
    the directory in `OUTPUT`; docs/guides/models.md explains them. For the same result each time, `SEED` and
    Python's hash seed are fixed, and mathematical libraries have one thread, unless `env` says otherwise.

    A run that takes longer than `timeout` seconds is stopped, and has failed. `space` is the size of the
    output. `accelerators` are devices by the names that the nodes have for them: {"nvidia.com/gpu": 1}. The
    image needs `sh`, `sleep` and `tar`. Other arguments are those of Job.

    With a `schedule`, as of CronJob, runs begin by themselves, each in place of the one before. An output
    waits for `keep` seconds until `slipway train STACK --scheduled` proposes it. Such a run finds the hash of
    the data of `model`, which the stack serves, in `KNOWN_DATA`, and may end without an output if its data
    have the same hash. `credentials` are the login to read the card of `model` with.

        Training("digits", namespace=namespace.name, image=trainer.ref)
    """

    @checked
    def __init__(
        self,
        name: JobName,
        *,
        namespace: InputText,
        image: InputText,
        seed: Retries = 1,
        schedule: Schedule | None = None,
        time_zone: TimeZone = "Etc/UTC",
        keep: Count = 6 * 3600,
        model: Model | None = None,
        credentials: RegistryCredentials | None = None,
        command: Command | None = None,
        args: Command | None = None,
        env: Sequence[EnvVar] = (),
        files: Sequence[File] = (),
        volumes: Sequence[Volume] = (),
        space: Memory = "256Mi",
        tmp: Memory = TMP,
        timeout: Count = 3600,
        resources: Annotated[Resources, defaulting_to(DEFAULTS)] = DEFAULTS,
        accelerators: Mapping[Accelerator, Count] | None = None,
        security: PodSecurity | None = PodSecurity(),
        reaches: Sequence[Endpoint] = (),
        pull_secret: InputText | None = None,
        platform: Platform | None = None,
        network_policy: bool = True,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the template; raise BadArgument, before anything is touched, if the arguments do not fit."""
        own = {variable.name for variable in env} & {"SEED", "OUTPUT", KNOWN}
        problems = [f"env names {variable}, which the component sets" for variable in sorted(own)]
        fixed = {"SEED": str(seed), "OUTPUT": OUTPUT, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
        if model:
            try:
                fixed[KNOWN] = read(model, credentials).card.data.sha256
            except SlipwayError as error:
                problems.append(f"model is refused: {error}")
        process = Process(
            image=image,
            command=command,
            args=args,
            env=[*_without(env, fixed), *env],
            files=files,
            volumes=[*volumes, Volume.scratch(OUTPUT, size=space)],
            tmp=tmp,
            resources=resources,
            security=security,
            reaches=reaches,
            after=(),
            platform=platform,
            token=False,
        )
        if problems := [*problems, *process.problems()]:
            raise invalid(type(self), name, problems)
        super().__init__(name, namespace, transform, opts)
        pod, needed = self._add_pod(process, reporting_its_log(name), pull_secret)
        _hand_over(pod, keep if schedule else timeout, accelerators or {})
        run = job_spec(self._labels(process), pod, timeout + keep if schedule else timeout, 0)
        run["ttl_seconds_after_finished"] = KEPT_S
        spec: k8s.batch.v1.CronJobSpecArgsDict = {
            "schedule": schedule or "@yearly",
            "suspend": schedule is None,
            "concurrency_policy": "Replace" if schedule else "Forbid",
            "job_template": {"spec": run},
        }
        if schedule:
            spec["time_zone"] = time_zone
        self._add(
            k8s.batch.v1.CronJob,
            name=name,
            labels=TRAINING,
            spec=spec,
            opts=pulumi.ResourceOptions(depends_on=needed),
        )
        if network_policy:
            self._add_network_policy(process)
        self.register_outputs({})


def _without(env: Sequence[EnvVar], values: Mapping[str, str]) -> list[EnvVar]:
    """Return the component's own variables, without those that the user sets."""
    given = {variable.name for variable in env}
    return [EnvVar.value(name, value) for name, value in values.items() if name not in given]


def _hand_over(pod: k8s.core.v1.PodSpecArgsDict, wait: int, accelerators: Mapping[str, int]) -> None:
    """Let the process run first, then a container that waits until `slipway train` has read an output."""
    [train] = cast(list[dict[str, Any]], pod["containers"])  # as `pod_spec` makes them
    output = {
        "name": "output",
        "image": train["image"],
        "command": ["sh", "-c", f"[ ! -e {OUTPUT}/card.json ] || exec sleep {wait}"],
        "volume_mounts": train["volume_mounts"],
        "resources": _FETCH.as_dict,
    }
    if "security_context" in train:
        output["security_context"] = train["security_context"]
    devices = {device: str(count) for device, count in accelerators.items()}
    train["resources"]["limits"] |= devices
    pod["init_containers"] = cast(list[k8s.core.v1.ContainerArgsDict], [train])
    pod["containers"] = cast(list[k8s.core.v1.ContainerArgsDict], [output])
