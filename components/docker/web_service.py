"""WebService on a Docker engine: a web application behind a proxy that updates do not interrupt."""

from collections.abc import Iterator, Sequence
from typing import Any

import pulumi
import pulumi_docker as docker

from components.docker import proxy
from components.docker.answers import check, say
from components.docker.container import contained, environment, joined, limits, stopping
from components.docker.health import health_check
from components.docker.process import ProcessComponent, variables_of
from components.docker.table import ANSWERS
from components.kubernetes.autoscaling import Scale, least
from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.exposure import PUBLIC, Exposure
from components.kubernetes.pod import (
    DEFAULT_RESOURCES,
    TMP,
    Compute,
    PodSecurity,
    ProcessResources,
    Resources,
)
from components.kubernetes.probes import Probes
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process
from components.kubernetes.process.volumes import Volume
from components.kubernetes.rollout import Rollout
from components.validation import InputText, Memory, Name, Platform, checked, invalid

_PROXY_RESOURCES = Resources(
    requests=Compute(cpu="50m", memory="32Mi"), limits=Compute(cpu="500m", memory="64Mi")
)


class WebService(ProcessComponent):
    """Containers of a web application with limits and health checks, and the proxy that leads to them.

    The proxy has the port, on 127.0.0.1 unless `expose` says otherwise. An update starts the new containers
    next to the old ones, which stop once all new ones are healthy; if one is not in time, the update fails,
    and the old ones serve on. The containers reach only the components whose `env` or `reaches` they have.

        WebService("web", namespace=namespace.name, image=image, env=cache.env, replicas=1)
    """

    host: pulumi.Output[str]
    """The name under which its clients reach it."""
    url: pulumi.Output[str]
    """Its URL on the engine's machine."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        namespace: InputText,
        image: InputText,
        command: Command | None = None,
        args: Command | None = None,
        replicas: Scale = 3,
        env: Sequence[EnvVar] = (),
        files: Sequence[File] = (),
        volumes: Sequence[Volume] = (),
        tmp: Memory = TMP,
        expose: Exposure = Exposure(),
        resources: ProcessResources | None = DEFAULT_RESOURCES,
        probes: Probes | None = Probes(),
        security: PodSecurity | None = PodSecurity(),
        rollout: Rollout = Rollout(),
        reaches: Sequence[Endpoint] = (),
        after: Sequence[pulumi.Resource] = (),
        pull_secret: InputText | None = None,
        platform: Platform | None = None,
        network_policy: bool = True,
        disruption_budget: bool = True,
        spread: bool = True,
        service_account_token: bool = False,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the service; raise BadArgument, before anything is touched, if the arguments do not fit."""
        said = check(ANSWERS["WebService"], WebService, locals())
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
        number = least(replicas)
        if problems := list(_problems(process, number)):
            raise invalid(WebService, name, problems)
        super().__init__(name, namespace, transform, opts)
        say(said, self)
        network = self._add_own_network()
        self._add_proxy(network, expose, probes, rollout)
        self._add_lasting(
            number,
            **self._prepare(process, [(network.name, proxy.BACKENDS)]),
            **stopping(rollout.termination_grace),
            **_healthy(process, probes, expose.target_port, rollout.timeout),
        )
        self.host = pulumi.Output.from_input(name)
        self.url = pulumi.Output.from_input(
            "http://127.0.0.1" + (f":{expose.port}" if expose.port != 80 else "")
        )
        self.register_outputs({"host": self.host, "url": self.url})

    def _add_proxy(
        self, network: docker.Network, expose: Exposure, probes: Probes | None, rollout: Rollout
    ) -> None:
        """Make the proxy: the only container with a port of the machine, and with a name of its own."""
        name = self.pulumi_resource_name
        config = proxy.config(expose.port, expose.target_port, probes.ready if probes else None)
        self._add_container(
            "-proxy",
            name=pulumi.Output.concat(self._namespace, "-", name),
            image=self._pull(proxy.IMAGE, None, "-proxy"),
            command=proxy.COMMAND,
            envs=environment({"CONFIG": config}),
            ports=[
                {
                    "internal": expose.port,
                    "external": expose.port,
                    "ip": "127.0.0.1" if expose.type == "ClusterIP" else "0.0.0.0",  # noqa: S104 # as asked
                }
            ],
            labels={PUBLIC: expose.public} if expose.public else {},
            **contained(PodSecurity()),
            **limits(_PROXY_RESOURCES),
            **joined([(self._namespace,), (network.name, name)]),
            **stopping(rollout.termination_grace),
            stop_signal=proxy.STOP_SIGNAL,
            healthcheck=proxy.health_check(expose.port),
            restart="always",
            wait=True,
            wait_timeout=rollout.timeout,
        )


def _problems(process: Process, replicas: int) -> Iterator[str]:
    """Yield what does not fit together."""
    yield from process.problems()
    if replicas > proxy.MOST // 2:
        yield f"replicas is {replicas}, but must not be above {proxy.MOST // 2} on a Docker engine"


def _healthy(process: Process, probes: Probes | None, port: int, timeout: int) -> dict[str, Any]:
    """Return the arguments of the health check and of waiting for it."""
    if not probes:
        return {}
    healthcheck = health_check(probes.ready, port, probes.startup, variables_of(process))
    return {"healthcheck": healthcheck, "wait": True, "wait_timeout": timeout}
