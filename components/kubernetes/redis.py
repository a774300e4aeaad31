"""Redis: a password-protected Redis that only its clients reach."""

from __future__ import annotations

import secrets
from base64 import b64decode
from collections.abc import Mapping, Sequence
from textwrap import dedent
from typing import Annotated, Literal
from urllib.parse import quote

import pulumi
import pulumi_kubernetes as k8s
from pydantic import AfterValidator

from components.kubernetes.component import NOT_AWAITED, NamespacedComponent, Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.pod import Compute, PodSecurity, Resources, defaulting_to, pod_spec
from components.kubernetes.probes import Probe
from components.kubernetes.rollout import Rollout
from components.validation import InputText, Memory, Name, Platform, checked, quantity

PORT = 6379
# The directory in the official image's documentation. Debian's package closes /etc/redis to other users.
_CONFIG_DIR = "/usr/local/etc/redis"
DEFAULT_RESOURCES = Resources(
    requests=Compute(cpu="50m", memory="64Mi"), limits=Compute(cpu="500m", memory="128Mi")
)
Eviction = Literal[
    "noeviction",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
]
RedisResources = Annotated[Resources, defaulting_to(DEFAULT_RESOURCES)]


def _stateful_set_name(value: str) -> str:
    """Refuse a name that is too long for the pod's label `controller-revision-hash`: NAME-HASH.

    The hash has up to 10 characters: pkg/controller/history/controller_history.go of Kubernetes.
    """
    if len(value) > 52:
        raise ValueError(
            "must be at most 52 characters: Kubernetes labels the pod with the name, a hyphen and up to 10"
            " more, and refuses labels above 63"
        )
    return value


StatefulSetName = Annotated[Name, AfterValidator(_stateful_set_name)]


class Redis(NamespacedComponent):
    """A single Redis with a password, limits, and a network policy that admits only pods that use its `env`.

    Three quarters of the memory limit are for data. When they are full, a Redis with `storage` refuses writes
    (noeviction). A Redis without `storage` is a cache: it removes the least recently used keys (allkeys-lru).
    `eviction` takes another policy: https://redis.io/docs/latest/develop/reference/eviction/

    Without `storage` the content goes with the pod. With `storage`, a volume claim of that size keeps it.
    Pulumi never deletes the claim: it stays until the namespace is deleted. `storage` can be added later
    and, if the storage class allows it, raised; a claim never shrinks.

    Without `password` the component generates a password once.

        cache = Redis("cache", namespace=namespace.name, storage="1Gi")
        WebService("web", namespace=namespace.name, image=image, env=cache.env)
        Worker("mail", namespace=namespace.name, image=image, env=[cache.url("CELERY_BROKER_URL")])
    """

    host: str
    """The name under which clients reach it."""
    env: list[EnvVar]
    """REDIS_HOST, REDIS_PORT and REDIS_PASSWORD for clients; a pod with REDIS_HOST is admitted."""

    @checked
    def __init__(
        self,
        name: StatefulSetName,
        *,
        namespace: InputText,
        password: InputText | None = None,
        storage: Memory | None = None,
        eviction: Eviction | None = None,
        image: InputText = "redis:7-bookworm",
        pull_secret: InputText | None = None,
        platform: Platform | None = None,
        resources: RedisResources = DEFAULT_RESOURCES,
        security: PodSecurity | None = PodSecurity(),
        network_policy: bool = True,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the Redis; raise BadArgument first if the arguments do not fit."""
        super().__init__(name, namespace, transform, opts, former_type="RedisCache")
        secret = self._add_secret(password)
        text = f"include {_CONFIG_DIR}/auth.conf\n{settings(resources, bool(storage), eviction)}"
        config = self._add(k8s.core.v1.ConfigMap, suffix="-config", data={"redis.conf": text})
        self._add_service_account(pull_secret)
        # A StatefulSet gives this name to a claim made from a template, which earlier versions of this
        # component used: their data is found again.
        claim = f"data-{name}-0" if storage else None
        pod = _pod(
            name, image, resources, security, secret.metadata.name, config.metadata.name, claim, platform
        )
        # A resource of its own: a StatefulSet's claim templates can never be changed.
        claims = [self._add_claim(claim, "-data", storage)] if claim and storage else []
        redis = self._add_stateful_set(pod, claims)
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
        self._endpoint, self._auth = endpoint, secret
        self._url: k8s.core.v1.Secret | None = None
        self.env = [
            EnvVar.value("REDIS_HOST", self.host, endpoint=endpoint),
            EnvVar.value("REDIS_PORT", str(PORT)),
            EnvVar.secret("REDIS_PASSWORD", secret.metadata.name, "password"),
        ]
        self.register_outputs({"host": self.host})

    def url(self, variable: str = "REDIS_URL") -> EnvVar:
        """Return a variable with the whole URL, from a Secret: `redis://:PASSWORD@HOST:PORT`.

        The password is percent-encoded, so that it may have any character. A pod with the variable is
        admitted. For a database other than 0, add a variable after this one:
        `EnvVar.value("CELERY_RESULT_BACKEND", "$(REDIS_URL)/1")`.
        """
        if self._url is None:

            def url(data: Mapping[str, str]) -> str:
                password = b64decode(data["password"]).decode()
                return f"redis://:{quote(password, safe='')}@{self.host}:{PORT}"

            # From `data`, which has the password that Redis has: this run may have made another.
            value: pulumi.Input[str] = self._auth.data.apply(url)
            content = {"url": pulumi.Output.secret(value)}
            self._url = self._add(k8s.core.v1.Secret, suffix="-url", string_data=content)
        return EnvVar.secret(variable, self._url.metadata.name, "url", endpoint=self._endpoint)

    def _add_secret(self, password: pulumi.Input[str] | None) -> k8s.core.v1.Secret:
        """Make the Secret: a key for clients, and a file for Redis: no argument list shows the password."""
        # Each run generates a password; the first is kept. The provider stores `data`.
        keep_first = pulumi.ResourceOptions(ignore_changes=["data", "stringData"] if password is None else [])
        value = pulumi.Output.secret(secrets.token_urlsafe(32) if password is None else password)
        return self._add(
            k8s.core.v1.Secret,
            suffix="-auth",
            string_data={"password": value, "auth.conf": value.apply(requirepass)},
            opts=keep_first,
        )

    def _add_stateful_set(
        self, pod: k8s.core.v1.PodSpecArgsDict, claims: Sequence[k8s.core.v1.PersistentVolumeClaim]
    ) -> k8s.apps.v1.StatefulSet:
        spec: k8s.apps.v1.StatefulSetSpecArgsDict = {
            "service_name": self.pulumi_resource_name,
            "replicas": 1,
            # With the default, a pod that never becomes ready stays after a good update, until it is deleted:
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
            opts=pulumi.ResourceOptions(depends_on=claims),
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


def requirepass(password: str) -> str:
    """Return the directive with every byte escaped, so that no password can end the line or the quotes."""
    return 'requirepass "{}"\n'.format("".join(f"\\x{byte:02x}" for byte in password.encode()))


def settings(resources: Resources, persistent: bool, eviction: Eviction | None) -> str:
    """Return the lines of Redis' configuration file except the password."""
    # A quarter of the limit is left for connections, buffers, and changes during a rewrite of the file.
    memory = int(quantity(resources.limits.as_dict["memory"]) * 3 / 4)
    return dedent(
        f"""\
        bind * -::*
        dir /data
        maxmemory {memory}
        maxmemory-policy {eviction or ("noeviction" if persistent else "allkeys-lru")}
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
    platform: str | None,
) -> k8s.core.v1.PodSpecArgsDict:
    ping = Probe.exec("redis-cli", "-e", "ping").action(PORT)
    container: k8s.core.v1.ContainerArgsDict = {
        "name": name,
        "image": image,
        # Without a path: the official image has it in /usr/local/bin, Debian's package in /usr/bin.
        "command": ["redis-server", f"{_CONFIG_DIR}/redis.conf"],
        "env": [EnvVar.secret("REDISCLI_AUTH", secret, "password").as_dict],
        "ports": [{"name": "redis", "container_port": PORT}],
        "resources": resources.as_dict,
        "startup_probe": {**ping, "period_seconds": 1, "timeout_seconds": 2, "failure_threshold": 60},
        "readiness_probe": {**ping, "period_seconds": 5, "timeout_seconds": 2},
        "liveness_probe": {**ping, "period_seconds": 10, "timeout_seconds": 5, "failure_threshold": 6},
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
    return pod_spec(container, security, account=name, platform=platform, mounts=mounts, volumes=volumes)
