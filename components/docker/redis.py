"""Redis on a Docker engine: a password-protected Redis that only its clients reach."""

import secrets
from typing import Any
from urllib.parse import quote

import pulumi

from components.docker.answers import check, say
from components.docker.component import EngineComponent
from components.docker.container import contained, environment, joined, limits, literal, owned, stopping
from components.docker.health import health_check
from components.docker.table import ANSWERS
from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.pod import PodSecurity
from components.kubernetes.probes import Probe
from components.kubernetes.redis import (
    DEFAULT_RESOURCES,
    PORT,
    Eviction,
    RedisResources,
    StatefulSetName,
    requirepass,
    settings,
)
from components.kubernetes.rollout import Rollout
from components.validation import InputText, Memory, Platform, checked

# The configuration comes through the environment: no argument list shows the password, and the engine
# cannot put a file into a container whose root is read-only. `exec` makes Redis the process that is stopped.
_START = "exec redis-server - <<END\n$REDIS_CONFIG\nEND"


class Redis(EngineComponent):
    """A single Redis with a password and limits, on a network that only containers with its `env` join.

    Without `storage` the content goes with the container. With `storage` a named volume keeps it, which
    Pulumi never deletes. A change stops the container before the next one starts: one volume, one Redis.

        cache = Redis("cache", namespace=namespace.name, storage="1Gi")
        WebService("web", namespace=namespace.name, image=image, env=cache.env)
    """

    host: str
    """The name under which clients reach it."""
    env: list[EnvVar]
    """REDIS_HOST, REDIS_PORT and REDIS_PASSWORD for clients; one with REDIS_HOST joins its network."""

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
        """Make the Redis; raise BadArgument, before anything is touched, if the arguments do not fit."""
        said = check(ANSWERS["Redis"], Redis, locals())
        super().__init__(name, namespace, transform, opts)
        say(said, self)
        secret = self._password(password)
        image_id = self._pull(image, platform)
        network = self._add_own_network()
        data, dependencies = self._add_data(storage, image_id, security)
        config = pulumi.Output.concat(secret.apply(requirepass), settings(resources, bool(storage), eviction))
        container = self._add_container(
            name=self._network_of(name),
            image=image_id,
            command=["sh", "-c", _START],
            envs=environment({"REDIS_CONFIG": config, "REDISCLI_AUTH": secret}),
            **data,
            **limits(resources),
            **joined([(network.name, name)]),
            **stopping(Rollout().termination_grace),
            healthcheck=health_check(Probe.exec("redis-cli", "-e", "ping"), PORT, startup=60),
            restart="always",
            wait=True,
            wait_timeout=Rollout().timeout,
            depends_on=dependencies,
        )
        endpoint = Endpoint(port=PORT, pods=self.selector, depends_on=[container])
        self.host = name
        self._endpoint, self._secret = endpoint, secret
        self.env = [
            EnvVar.value("REDIS_HOST", self.host, endpoint=endpoint),
            EnvVar.value("REDIS_PORT", str(PORT)),
            EnvVar.value("REDIS_PASSWORD", secret.apply(literal)),
        ]
        self.register_outputs({"host": self.host})

    def url(self, variable: str = "REDIS_URL") -> EnvVar:
        """Return a variable with the whole URL, as that of a cluster: `redis://:PASSWORD@HOST:PORT`."""
        address = f"@{self.host}:{PORT}"
        url = self._secret.apply(lambda password: f"redis://:{quote(password, safe='')}{address}")
        return EnvVar.value(variable, pulumi.Output.secret(url), endpoint=self._endpoint)

    def _password(self, password: pulumi.Input[str] | None) -> pulumi.Output[str]:
        """Return the given password, or one that is made once."""
        if password is not None:
            return pulumi.Output.secret(password)
        return self._made_once("-password", secrets.token_urlsafe(32))

    def _add_data(
        self, storage: str | None, image_id: pulumi.Input[str], security: PodSecurity | None
    ) -> tuple[dict[str, Any], list[pulumi.Resource]]:
        """Return the container's arguments for /data, and what must exist before it starts."""
        if not storage:
            return contained(security, {"/data": owned(security, "64Mi")}), []
        arguments, needed = self._add_kept("/data", image_id, security)
        return {**contained(security), **arguments}, [needed]
