"""The parts of a pod that components share: what may be asked for, and how Kubernetes writes it."""

from collections.abc import Sequence
from typing import Annotated

import pulumi_kubernetes as k8s
from pydantic import Field, ValidationInfo, field_validator

from components.kubernetes.endpoint import Endpoint
from components.validation import Count, Cpu, InputText, Memory, conflict, options, quantity


@options
class Compute:
    """An amount of CPU (cores) and memory (bytes) as Kubernetes writes them."""

    cpu: Cpu
    """Cores: 250m, 0.5, 2."""
    memory: Memory
    """Bytes, with a unit: 128Mi, 1Gi."""

    @property
    def as_dict(self) -> dict[str, str]:
        """The amounts under Kubernetes' names."""
        return {"cpu": self.cpu, "memory": self.memory}


@options
class Resources:
    """What a container is promised (requests) and what it may take (limits)."""

    requests: Compute = Compute(cpu="250m", memory="128Mi")
    """Set aside for the container on its node."""
    limits: Compute = Compute(cpu="500m", memory="256Mi")
    """Above the CPU it is slowed, above the memory killed."""

    @field_validator("limits")
    @classmethod
    def _not_below_requests(cls, limits: Compute, info: ValidationInfo) -> Compute:
        requests = info.data.get("requests")
        for what, limit in limits.as_dict.items():
            request = requests.as_dict[what] if requests else limit
            if quantity(limit) < quantity(request):
                raise conflict(f"is {limit}, but must not be below the request, {request}", what, use=request)
        return limits

    @property
    def as_dict(self) -> k8s.core.v1.ResourceRequirementsArgsDict:
        """The container's `resources`; ephemeral storage, here only logs and /tmp, is bounded too."""
        return {
            "requests": {**self.requests.as_dict, "ephemeral-storage": "64Mi"},
            "limits": {**self.limits.as_dict, "ephemeral-storage": "256Mi"},
        }


@options
class PodSecurity:
    """As what the processes of a pod run; the defaults meet the Pod Security level `restricted`."""

    user: Annotated[int, Field(strict=True, ge=1)] = 10001
    """User and group id. Above 10000, so that it is nobody's on the node."""
    read_only_root: bool = True
    """Whether all but /tmp and the volumes is read-only."""
    capabilities: Sequence[str] = ()
    """Linux capabilities to keep; all others are dropped."""

    @property
    def pod(self) -> k8s.core.v1.PodSecurityContextArgsDict:
        """The pod's `security_context`."""
        return {
            "run_as_non_root": True,
            "run_as_user": self.user,
            "run_as_group": self.user,
            "fs_group": self.user,
            "seccomp_profile": {"type": "RuntimeDefault"},
        }

    @property
    def container(self) -> k8s.core.v1.SecurityContextArgsDict:
        """The container's `security_context`."""
        kept: k8s.core.v1.CapabilitiesArgsDict = {"add": list(self.capabilities)} if self.capabilities else {}
        return {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": self.read_only_root,
            "capabilities": {"drop": ["ALL"], **kept},
        }


@options
class KeyRef:
    """One key of a ConfigMap or a Secret."""

    name: InputText
    key: InputText


@options
class EnvVar:
    """An environment variable: a value, or one key of a Secret or of a ConfigMap."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    value: InputText | None = None
    secret: KeyRef | None = None
    config_map: KeyRef | None = None
    endpoint: Endpoint | None = None
    """What the variable leads to: a pod that has it may reach that, and is admitted there."""

    def __post_init__(self) -> None:
        if sum(source is not None for source in (self.value, self.secret, self.config_map)) != 1:
            raise conflict("must have exactly one of value, secret and config_map")

    @property
    def as_dict(self) -> k8s.core.v1.EnvVarArgsDict:
        """The entry of the container's `env`."""
        if self.secret:
            return {
                "name": self.name,
                "value_from": {"secret_key_ref": {"name": self.secret.name, "key": self.secret.key}},
            }
        if self.config_map:
            return {
                "name": self.name,
                "value_from": {
                    "config_map_key_ref": {"name": self.config_map.name, "key": self.config_map.key}
                },
            }
        return {"name": self.name, "value": self.value or ""}


@options
class Probes:
    """The paths that tell how a web application is. Times are in seconds."""

    live: Annotated[str, Field(pattern="^/")] = "/livez"
    """The process answers. It must not ask others: restarting a pod mends nobody else."""
    ready: Annotated[str, Field(pattern="^/")] = "/readyz"
    """The pod can serve, and what it cannot serve without can be reached.

    All pods lose what they share at the same moment: who can do without it does not ask for it here.
    """
    startup: Count = 60
    """How long a start may take before the container is restarted."""

    def apply_to(self, container: k8s.core.v1.ContainerArgsDict, port: int) -> None:
        """Write the three probes. Startup asks each second, so that a rollout waits no longer than needed."""
        live: k8s.core.v1.HTTPGetActionArgsDict = {"path": self.live, "port": port}
        ready: k8s.core.v1.HTTPGetActionArgsDict = {"path": self.ready, "port": port}
        container["startup_probe"] = {
            "http_get": live,
            "period_seconds": 1,
            "timeout_seconds": 2,
            "failure_threshold": self.startup,
        }
        container["readiness_probe"] = {"http_get": ready, "period_seconds": 2, "timeout_seconds": 2}
        container["liveness_probe"] = {"http_get": live, "period_seconds": 10, "timeout_seconds": 2}


def spread_over_nodes(selector: dict[str, str]) -> k8s.core.v1.TopologySpreadConstraintArgsDict:
    """Spread pods over nodes, each version by itself, and never leave one unscheduled for it."""
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
    mounts: Sequence[k8s.core.v1.VolumeMountArgsDict] = (),
    volumes: Sequence[k8s.core.v1.VolumeArgsDict] = (),
) -> k8s.core.v1.PodSpecArgsDict:
    """Write a pod of one container; a volume at /tmp is writable where the root is not."""
    container["volume_mounts"] = [{"name": "tmp", "mount_path": "/tmp"}, *mounts]  # noqa: S108 # in the pod
    spec: k8s.core.v1.PodSpecArgsDict = {
        "service_account_name": account,
        "automount_service_account_token": token,
        "enable_service_links": False,
        "containers": [container],
        "volumes": [{"name": "tmp", "empty_dir": {"size_limit": "64Mi"}}, *volumes],
    }
    if security:
        container["security_context"] = security.container
        spec["security_context"] = security.pod
    return spec
