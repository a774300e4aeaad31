"""WebService: a web application with safe defaults for running, scaling, updating and reaching it."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.autoscaling import Scale, least
from components.kubernetes.component import NOT_AWAITED, Transform
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.exposure import Exposure, service_url
from components.kubernetes.pod import DEFAULT_RESOURCES, TMP, PodSecurity, ProcessResources
from components.kubernetes.probes import Probes
from components.kubernetes.process.component import DeploymentComponent
from components.kubernetes.process.files import File
from components.kubernetes.process.process import Command, Process
from components.kubernetes.process.volumes import Volume
from components.kubernetes.rollout import Rollout
from components.validation import InputText, Memory, Name, Platform, checked, invalid


class WebService(DeploymentComponent):
    """A Deployment with limits and probes, its Service, and the policies that protect both.

    Every default can be changed: `resources`, `probes`, `security` and `rollout` take other values (None for
    the first three leaves them to the image and the cluster); `network_policy`, `disruption_budget` and
    `spread` take False; `service_account_token` takes True; `transform` changes everything else.

    `command` and `args` replace the image's entrypoint and its arguments. Everything is read-only but /tmp,
    whose size is `tmp`, and the directories of `volumes`; `files` adds files to read. With a claim for one
    pod, the old pod stops before the new one starts. `after` names what must be ready first: with
    `after=[migrate]`, a Job, a failed migration leaves the old version running.

    If the image is for one platform only, and the nodes are not, give `platform`: "linux/arm64". The pods
    then run on such nodes only.

        WebService("web", namespace=namespace.name, image=image, env=cache.env, replicas=5)
    """

    host: pulumi.Output[str]
    """The name under which pods of the cluster reach it."""
    url: pulumi.Output[str]
    """Its URL: its first host, else its load balancer's address, else the Service's in the cluster."""

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
        """Create the service; raise BadArgument first if the arguments do not fit."""
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
        if problems := list(self._problems(process, replicas, rollout)):
            raise invalid(type(self), name, problems)
        super().__init__(name, namespace, transform, opts)
        port = expose.target_port
        pod, needed = self._add_pod(
            process, _serving(name, port, probes, rollout.pre_stop), pull_secret, port
        )
        self._add_deployment(process, pod, replicas, rollout, spread, needed)
        service = self._add_service(expose, rollout)
        if backend := expose.backend(name):
            for make, suffix, annotations, rules in expose.via.children(backend):
                self._add(make, name=name + suffix, suffix=suffix, annotations=annotations, spec=rules)
        if disruption_budget and least(replicas) > 1:
            self._add_disruption_budget()
        if network_policy:
            self._add_network_policy(process, port)
        self.host = pulumi.Output.format("{0}.{1}.svc", name, namespace)
        url = expose.public_url
        self.url = pulumi.Output.from_input(url) if url else service_url(service, expose.port)
        self.register_outputs({"host": self.host, "url": self.url})

    def _add_service(self, expose: Exposure, rollout: Rollout) -> k8s.core.v1.Service:
        spec: k8s.core.v1.ServiceSpecArgsDict = {
            "type": expose.type,
            "selector": self.selector,
            "ports": [{"name": "http", "port": expose.port, "target_port": expose.target_port}],
        }
        # Only a load balancer's address is worth waiting for: the rollout already waits for ready pods.
        annotations = rollout.awaited if expose.type == "LoadBalancer" else NOT_AWAITED
        if expose.type != "ClusterIP":
            annotations = {**annotations, **expose.annotations}
        return self._add(
            k8s.core.v1.Service, name=self.pulumi_resource_name, annotations=annotations, spec=spec
        )

    def _add_disruption_budget(self) -> None:
        spec: k8s.policy.v1.PodDisruptionBudgetSpecArgsDict = {
            "max_unavailable": 1,
            "selector": {"match_labels": self.selector},
        }
        self._add(k8s.policy.v1.PodDisruptionBudget, name=self.pulumi_resource_name, spec=spec)


def _serving(name: str, port: int, probes: Probes | None, pre_stop: int) -> k8s.core.v1.ContainerArgsDict:
    """Return the part of the container that is about serving requests."""
    container: k8s.core.v1.ContainerArgsDict = {
        "name": name,
        "ports": [{"name": "http", "container_port": port}],
    }
    if pre_stop:
        container["lifecycle"] = {"pre_stop": {"sleep": {"seconds": pre_stop}}}
    if probes:
        startup, readiness, liveness = probes.for_container(port)
        container["startup_probe"] = startup
        container["readiness_probe"] = readiness
        container["liveness_probe"] = liveness
    return container
