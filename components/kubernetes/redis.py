"""RedisCache: a Redis that only its clients reach, with a password that nobody has to know."""

import secrets
from collections.abc import Sequence
from textwrap import dedent

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.component import NOT_AWAITED, TAKES_OVER, NamespacedComponent, Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.pod import Compute, EnvVar, KeyRef, PodSecurity, Resources, pod_spec
from components.kubernetes.rollout import Rollout
from components.validation import InputText, Memory, Name, checked, quantity

PORT = 6379
# Where the official image's documentation puts it. Not /etc/redis: Debian's package closes that to others.
_CONFIG_DIR = "/usr/local/etc/redis"
SMALL = Resources(requests=Compute(cpu="50m", memory="64Mi"), limits=Compute(cpu="500m", memory="128Mi"))


class RedisCache(NamespacedComponent):
    """A single Redis with a password, limits, and a network policy that admits only who uses its `env`.

    Without `storage` its content goes with its pod. With it, a volume claim of that size keeps the content.
    Pulumi never deletes that claim: it stays until the namespace is deleted. `storage` can be added later
    and, where the storage class allows it, raised; a claim never shrinks. Without `password` the component
    makes one, once.
    """

    host: str
    """The name under which its clients reach it."""
    env: list[EnvVar]
    """REDIS_HOST, REDIS_PORT and REDIS_PASSWORD for its clients; a pod that has them is admitted."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        namespace: InputText,
        password: InputText | None = None,
        storage: Memory | None = None,
        image: InputText = "redis:7-bookworm",
        resources: Resources = SMALL,
        security: PodSecurity | None = PodSecurity(),
        network_policy: bool = True,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the cache; raise BadArgument, before anything is touched, when the arguments do not fit."""
        super().__init__(name, namespace, transform, opts)
        secret = self._add_secret(password)
        config = self._add(
            k8s.core.v1.ConfigMap,
            suffix="-config",
            data={"redis.conf": _config(resources, bool(storage))},
        )
        self._add(k8s.core.v1.ServiceAccount, name=name, automount_service_account_token=False)
        # The name that a StatefulSet gives to a claim made from a template, as earlier versions of this
        # component used: so they find their data again.
        claim = f"data-{name}-0" if storage else None
        pod = _pod(name, image, resources, security, secret.metadata.name, config.metadata.name, claim)
        mounted = [self._add_claim(claim, storage)] if claim and storage else []
        redis = self._add_stateful_set(pod, mounted)
        service = self._add_service()
        endpoint = Endpoint(
            port=PORT,
            pods=self.selector,
            client_labels={f"{name}-client": "true"},
            depends_on=[redis, service],
        )
        if network_policy:
            self._add_network_policy(endpoint)
        self.host = name
        key = KeyRef(name=secret.metadata.name, key="password")
        self.env = [
            EnvVar(name="REDIS_HOST", value=self.host, endpoint=endpoint),
            EnvVar(name="REDIS_PORT", value=str(PORT)),
            EnvVar(name="REDIS_PASSWORD", secret=key),
        ]
        self.register_outputs({"host": self.host})

    def _add_secret(self, password: pulumi.Input[str] | None) -> k8s.core.v1.Secret:
        """Keep the password as clients read it and as Redis does: in a file, so never in an argument list."""
        # Each run of the program makes another: only the first counts. The provider keeps it as `data`.
        first = pulumi.ResourceOptions(ignore_changes=["data", "stringData"] if password is None else [])
        value = pulumi.Output.secret(secrets.token_urlsafe(32) if password is None else password)
        return self._add(
            k8s.core.v1.Secret,
            suffix="-auth",
            string_data={"password": value, "auth.conf": value.apply(_requirepass)},
            opts=first,
        )

    def _add_claim(self, name: str, storage: str) -> k8s.core.v1.PersistentVolumeClaim:
        """Make the claim apart from the StatefulSet, whose own claim templates can never be changed."""
        return self._add(
            k8s.core.v1.PersistentVolumeClaim,
            name=name,
            suffix="-data",
            annotations=NOT_AWAITED | TAKES_OVER,
            spec={"access_modes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage}}},
            opts=pulumi.ResourceOptions(retain_on_delete=True),
        )

    def _add_stateful_set(
        self, pod: k8s.core.v1.PodSpecArgsDict, mounted: Sequence[k8s.core.v1.PersistentVolumeClaim]
    ) -> k8s.apps.v1.StatefulSet:
        spec: k8s.apps.v1.StatefulSetSpecArgsDict = {
            "service_name": self.pulumi_resource_name,
            "replicas": 1,
            # Or a pod that never becomes ready would have to be deleted by hand, also after a good update:
            # https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
            "pod_management_policy": "Parallel",
            "selector": {"match_labels": self.selector},
            "template": {"metadata": {"labels": self.selector}, "spec": pod},
        }
        return self._add(
            k8s.apps.v1.StatefulSet,
            name=self.pulumi_resource_name,
            annotations=Rollout().awaited,
            spec=spec,
            opts=pulumi.ResourceOptions(depends_on=mounted),
        )

    def _add_service(self) -> k8s.core.v1.Service:
        spec: k8s.core.v1.ServiceSpecArgsDict = {
            "selector": self.selector,
            "ports": [{"name": "redis", "port": PORT, "target_port": PORT}],
        }
        return self._add(
            k8s.core.v1.Service, name=self.pulumi_resource_name, annotations=NOT_AWAITED, spec=spec
        )

    def _add_network_policy(self, endpoint: Endpoint) -> None:
        spec: k8s.networking.v1.NetworkPolicySpecArgsDict = {
            "pod_selector": {"match_labels": self.selector},
            "policy_types": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from_": [{"pod_selector": {"match_labels": dict(endpoint.client_labels)}}],
                    "ports": [{"port": PORT, "protocol": "TCP"}],
                }
            ],
        }
        self._add(k8s.networking.v1.NetworkPolicy, name=self.pulumi_resource_name, spec=spec)


def _requirepass(password: str) -> str:
    """Write the directive with every byte escaped, so that no password can end the line or the quotes."""
    return 'requirepass "{}"\n'.format("".join(f"\\x{byte:02x}" for byte in password.encode()))


def _config(resources: Resources, persistent: bool) -> str:
    # A quarter of the limit is left for connections, buffers and what changes during a rewrite of the file.
    memory = int(quantity(resources.limits.memory) * 3 / 4)
    return dedent(
        f"""\
        include {_CONFIG_DIR}/auth.conf
        bind * -::*
        dir /data
        maxmemory {memory}
        maxmemory-policy noeviction
        save ""
        appendonly {"yes" if persistent else "no"}
        """
    )


def _pod(
    name: str,
    image: pulumi.Input[str],
    resources: Resources,
    security: PodSecurity | None,
    secret: pulumi.Input[str],
    config: pulumi.Input[str],
    claim: str | None,
) -> k8s.core.v1.PodSpecArgsDict:
    ping: k8s.core.v1.ExecActionArgsDict = {"command": ["redis-cli", "-e", "ping"]}
    container: k8s.core.v1.ContainerArgsDict = {
        "name": name,
        "image": image,
        # By name: the official image has it in /usr/local/bin, Debian's package in /usr/bin.
        "command": ["redis-server", f"{_CONFIG_DIR}/redis.conf"],
        "env": [EnvVar(name="REDISCLI_AUTH", secret=KeyRef(name=secret, key="password")).as_dict],
        "ports": [{"name": "redis", "container_port": PORT}],
        "resources": resources.as_dict,
        "startup_probe": {"exec_": ping, "period_seconds": 1, "timeout_seconds": 2, "failure_threshold": 60},
        "readiness_probe": {"exec_": ping, "period_seconds": 5, "timeout_seconds": 2},
        "liveness_probe": {"exec_": ping, "period_seconds": 10, "timeout_seconds": 5, "failure_threshold": 6},
    }
    # Two names: from 4.29 on the plugin previews the first update of an object as a merge of old and new by
    # name, and a volume cannot be of two kinds.
    data: k8s.core.v1.VolumeArgsDict = (
        {"name": "claim", "persistent_volume_claim": {"claim_name": claim}}
        if claim
        else {"name": "data", "empty_dir": {"size_limit": "64Mi"}}
    )
    mounts: list[k8s.core.v1.VolumeMountArgsDict] = [
        {"name": data["name"], "mount_path": "/data"},
        {"name": "config", "mount_path": _CONFIG_DIR, "read_only": True},
    ]
    sources: list[k8s.core.v1.VolumeProjectionArgsDict] = [
        {"config_map": {"name": config}},
        {"secret": {"name": secret, "items": [{"key": "auth.conf", "path": "auth.conf"}]}},
    ]
    volumes: list[k8s.core.v1.VolumeArgsDict] = [
        {"name": "config", "projected": {"sources": sources, "default_mode": 0o440}},
        data,
    ]
    return pod_spec(container, security, account=name, mounts=mounts, volumes=volumes)
