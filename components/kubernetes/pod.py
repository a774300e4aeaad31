"""Parts of a pod that components share: resources, security, spreading, volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

import pulumi_kubernetes as k8s
from pydantic import AfterValidator, Field

from components.validation import Cpu, Memory, conflict, options, quantity


@options
class Compute:
    """An amount of CPU and memory as Kubernetes writes them. An amount not given keeps its default."""

    cpu: Cpu | None = None
    """Cores: 250m, 0.5, 2."""
    memory: Memory | None = None
    """Bytes, with a unit: 128Mi, 1Gi."""

    @property
    def as_dict(self) -> dict[str, str]:
        """The given amounts by Kubernetes' names."""
        amounts = {"cpu": self.cpu, "memory": self.memory}
        return {name: amount for name, amount in amounts.items() if amount}


@options
class Resources:
    """The resources of a container. An amount not given keeps the component's default."""

    requests: Compute = Compute()
    """Reserved for the container on its node."""
    limits: Compute = Compute()
    """The container is slowed above the CPU, and killed above the memory."""

    def with_defaults(self, defaults: Resources) -> Resources:
        """Return all amounts, those not given from `defaults`.

        A limit below its request is a conflict.
        """
        requests = defaults.requests.as_dict | self.requests.as_dict
        limits = defaults.limits.as_dict | self.limits.as_dict
        for name, limit in limits.items():
            request = requests[name]
            if quantity(limit) < quantity(request):
                shown_limit = limit if name in self.limits.as_dict else f"{limit} by default"
                shown_request = request if name in self.requests.as_dict else f"{request} by default"
                text = f"is {shown_limit}, but must not be below the request, {shown_request}"
                raise conflict(text, "limits", name, use=request)
        return Resources(requests=Compute(**requests), limits=Compute(**limits))

    @property
    def as_dict(self) -> k8s.core.v1.ResourceRequirementsArgsDict:
        """The container's `resources`; ephemeral storage, here only logs and /tmp, is limited too."""
        return self.with_scratch(Decimal(0))

    def with_scratch(self, space: Decimal) -> k8s.core.v1.ResourceRequirementsArgsDict:
        """Return the container's `resources` with that many more bytes on the node's disk."""
        storage = _LOGS_AND_TMP_MI + math.ceil(space / 1024**2)
        return {
            "requests": {**self.requests.as_dict, "ephemeral-storage": "64Mi"},
            "limits": {**self.limits.as_dict, "ephemeral-storage": f"{storage}Mi"},
        }


_LOGS_AND_TMP_MI = 256
TMP = "64Mi"
"""The default size of /tmp."""

DEFAULT_RESOURCES = Resources(
    requests=Compute(cpu="250m", memory="128Mi"), limits=Compute(cpu="500m", memory="256Mi")
)
"""The resources of a process of an application."""


def defaulting_to(defaults: Resources) -> AfterValidator:
    """Return the annotation of an argument of Resources that completes them with a component's defaults."""
    return AfterValidator(lambda resources: resources.with_defaults(defaults))


ProcessResources = Annotated[Resources, defaulting_to(DEFAULT_RESOURCES)]
UserId = Annotated[int, Field(strict=True, ge=1)]


@options
class PodSecurity:
    """User and privileges of a pod's processes; the defaults meet the Pod Security level `restricted`."""

    user: UserId | None = 10001
    """User and group id. Above 10000, so that it matches no user of the node.

    None leaves the user to the image, whose Dockerfile must then name it by number: `USER 1000`. Kubernetes
    starts no container whose user has only a name, because it cannot tell whether that is root.
    """
    group: UserId | None = None
    """Group id of the processes and of the content of volumes; by default the user's number."""
    read_only_root: bool = True
    """Make everything read-only, except /tmp and the volumes."""
    capabilities: Sequence[str] = ()
    """Linux capabilities to keep; all others are dropped."""

    def pod(self, port: int | None) -> k8s.core.v1.PodSecurityContextArgsDict:
        """Return the pod's `security_context`; without root, it opens a port below 1024 by a sysctl alone."""
        context: k8s.core.v1.PodSecurityContextArgsDict = {
            "run_as_non_root": True,
            "seccomp_profile": {"type": "RuntimeDefault"},
        }
        if self.user:
            context["run_as_user"] = self.user
        if group := self.group or self.user:
            context["run_as_group"] = group
            context["fs_group"] = group
        if port and port < 1024:
            # One of the sysctls that every cluster allows, in pods of the level `restricted` too:
            # https://kubernetes.io/docs/tasks/administer-cluster/sysctl-cluster/#safe-and-unsafe-sysctls
            context["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": str(port)}]
        return context

    @property
    def container(self) -> k8s.core.v1.SecurityContextArgsDict:
        """The container's `security_context`."""
        added: k8s.core.v1.CapabilitiesArgsDict = (
            {"add": list(self.capabilities)} if self.capabilities else {}
        )
        return {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": self.read_only_root,
            "capabilities": {"drop": ["ALL"], **added},
        }


def spread_over_nodes(selector: dict[str, str]) -> k8s.core.v1.TopologySpreadConstraintArgsDict:
    """Return the constraint that spreads the pods of each version over nodes, if these have capacity."""
    return {
        "max_skew": 1,
        "topology_key": "kubernetes.io/hostname",
        "when_unsatisfiable": "ScheduleAnyway",
        "label_selector": {"match_labels": selector},
        "match_label_keys": ["pod-template-hash"],
    }


def pod_spec(
    container: k8s.core.v1.ContainerArgsDict,
    security: PodSecurity | None,
    *,
    account: str,
    token: bool = False,
    platform: str | None = None,
    port: int | None = None,
    tmp: str = TMP,
    mounts: Sequence[k8s.core.v1.VolumeMountArgsDict] = (),
    volumes: Sequence[k8s.core.v1.VolumeArgsDict] = (),
) -> k8s.core.v1.PodSpecArgsDict:
    """Return a pod with one container and a volume at /tmp, which is writable where the root is not.

    With `platform`, as in "linux/arm64", it runs on nodes of that platform only. `port` is the port that it
    listens on.
    """
    mounts = [{"name": "tmp", "mount_path": "/tmp"}, *mounts]  # noqa: S108 # in the pod
    contained: k8s.core.v1.ContainerArgsDict = {**container, "volume_mounts": mounts}
    if security:
        contained["security_context"] = security.container
    spec: k8s.core.v1.PodSpecArgsDict = {
        "service_account_name": account,
        "automount_service_account_token": token,
        "enable_service_links": False,
        "containers": [contained],
        "volumes": [{"name": "tmp", "empty_dir": {"size_limit": tmp}}, *volumes],
    }
    if platform:
        system, architecture = platform.split("/")[:2]
        spec["node_selector"] = {"kubernetes.io/os": system, "kubernetes.io/arch": architecture}
    if security:
        spec["security_context"] = security.pod(port)
    return spec
