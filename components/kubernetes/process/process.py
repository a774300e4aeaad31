"""Process: what runs in the pods of a component, and what it needs there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import pulumi
import pulumi_kubernetes as k8s
from pydantic import BeforeValidator, Field

from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.pod import TMP, PodSecurity, Resources, pod_spec
from components.kubernetes.process.files import MODE, File
from components.kubernetes.process.volumes import Claim, Volume, space
from components.validation import quantity


def _words(value: object) -> object:
    """Refuse a command in one text: no shell splits it into words."""
    if isinstance(value, str):
        raise ValueError(f"must be a list of words, without a shell: {value.split()}")
    return value


Command = Annotated[Sequence[str], Field(min_length=1), BeforeValidator(_words)]


@dataclass(frozen=True, kw_only=True)
class Process:
    """The arguments that every component with a process has; their constructors have checked each."""

    image: pulumi.Input[str]
    command: Sequence[str] | None
    args: Sequence[str] | None
    env: Sequence[EnvVar]
    files: Sequence[File]
    volumes: Sequence[Volume]
    tmp: str
    resources: Resources | None
    security: PodSecurity | None
    reaches: Sequence[Endpoint]
    after: Sequence[pulumi.Resource]
    platform: str | None
    token: bool

    @property
    def endpoints(self) -> list[Endpoint]:
        """The destinations that it may reach."""
        return [*self.reaches, *(variable.endpoint for variable in self.env if variable.endpoint)]

    @property
    def client_labels(self) -> dict[str, str]:
        """The labels that admit its pods to these destinations."""
        return {key: value for endpoint in self.endpoints for key, value in endpoint.client_labels.items()}

    @property
    def predecessors(self) -> list[pulumi.Resource]:
        """The resources that must be ready before it starts."""
        return [*(resource for endpoint in self.endpoints for resource in endpoint.depends_on), *self.after]

    @property
    def claims(self) -> list[Claim]:
        """The claims that the component creates."""
        return [volume for volume in self.volumes if isinstance(volume, Claim)]

    @property
    def for_one_pod(self) -> list[str]:
        """The directories that pods on two nodes cannot have at the same time."""
        return [claim.path for claim in self.claims if claim.for_one_pod]

    def problems(self, pods: int = 1) -> Iterator[str]:
        """Yield the conflicts between arguments; `pods` is how many may run at once."""
        paths = Counter([file.path for file in self.files] + [volume.path for volume in self.volumes])
        for path, count in paths.items():
            if count > 1:
                yield f"files and volumes name {path} {count} times, but only one of them can be there"
        if "/tmp" in paths:  # noqa: S108 # in the pod
            yield "volumes name /tmp, which is writable without: `tmp` sets its size"
        names = Counter(claim.name for claim in self.claims)
        yield from (
            f"volumes has {count} claims with the name {name!r}" for name, count in names.items() if count > 1
        )
        if pods > 1:
            for claim in self.claims:
                if claim.for_one_pod:
                    yield (
                        f"the claim {claim.name!r} is {claim.access}, which pods of one node can use, but up"
                        f" to {pods} pods run: use 1 replica, or access='ReadWriteMany' if the class has it"
                    )
        if self.claims and self.security and not (self.security.user or self.security.group):
            yield (
                "security.user is None, so the image's user is unknown here, and could not write to the"
                " claims: give security.group"
            )
        yield from self._memory_problems()
        variables = Counter(variable.name for variable in self.env)
        yield from (
            f"env names {name} {count} times, but a process has only one of them"
            for name, count in variables.items()
            if count > 1
        )

    def _memory_problems(self) -> Iterator[str]:
        needed = space(self.volumes, memory=True)
        limit = self.resources and self.resources.limits.memory
        if limit and needed >= quantity(limit):
            yield (
                f"the volumes in memory take {needed / 1024**2:.0f}Mi, but resources.limits.memory, which"
                f" holds them and the process, is {limit}"
            )

    def pod(
        self,
        component: str,
        contents: pulumi.Input[str] | None,
        more: k8s.core.v1.ContainerArgsDict,
        port: int | None = None,
    ) -> k8s.core.v1.PodSpecArgsDict:
        """Return the pod; `contents` is the name of the ConfigMap with the files' texts.

        `more` is the component's part of the container, which listens on `port`.
        """
        return pod_spec(
            {**more, **self._container(component)},
            self.security,
            account=component,
            token=self.token,
            platform=self.platform,
            port=port,
            tmp=self.tmp,
            mounts=[
                *(file.mount for file in self.files),
                *(volume.mount(component) for volume in self.volumes),
            ],
            volumes=[
                *self._file_volumes(contents or ""),
                *(volume.source(component) for volume in self.volumes),
            ],
        )

    def _container(self, component: str) -> k8s.core.v1.ContainerArgsDict:
        container: k8s.core.v1.ContainerArgsDict = {
            "name": component,
            "image": self.image,
            "env": [variable.as_dict for variable in self.env],
        }
        if self.command:
            container["command"] = list(self.command)
        if self.args:
            container["args"] = list(self.args)
        if self.resources:
            more_tmp = max(quantity(self.tmp) - quantity(TMP), Decimal(0))
            container["resources"] = self.resources.with_scratch(more_tmp + space(self.volumes, memory=False))
        return container

    def _file_volumes(self, contents: pulumi.Input[str]) -> list[k8s.core.v1.VolumeArgsDict]:
        if not self.files:
            return []
        sources = [file.source(contents) for file in self.files]
        return [{"name": "files", "projected": {"sources": sources, "default_mode": MODE}}]


def reporting_its_log(name: str) -> k8s.core.v1.ContainerArgsDict:
    """Return the beginning of a container whose status has the end of its log if the process fails."""
    return {"name": name, "termination_message_policy": "FallbackToLogsOnError"}
