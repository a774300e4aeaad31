"""WebService: a web application with safe defaults for running, scaling, updating and reaching it."""

from collections.abc import Sequence
from typing import Annotated

import pulumi
import pulumi_kubernetes as k8s
from pydantic import PlainValidator, ValidationInfo, field_validator

from components.kubernetes.component import NOT_AWAITED, NamespacedComponent, Transform
from components.kubernetes.endpoint import Endpoint, to_dns
from components.kubernetes.env import EnvVar
from components.kubernetes.exposure import PUBLIC, Exposure, service_url
from components.kubernetes.pod import (
    Compute,
    PodSecurity,
    Resources,
    defaulting_to,
    pod_spec,
    spread_over_nodes,
)
from components.kubernetes.probes import Probes
from components.kubernetes.rollout import Rollout
from components.validation import (
    Count,
    InputText,
    Name,
    Percent,
    Platform,
    checked,
    conflict,
    integer_from_text,
    invalid,
    options,
)

DEFAULT_RESOURCES = Resources(
    requests=Compute(cpu="250m", memory="128Mi"), limits=Compute(cpu="500m", memory="256Mi")
)
WebResources = Annotated[Resources, defaulting_to(DEFAULT_RESOURCES)]


@options
class Autoscaling:
    """The bounds and the target of the autoscaler."""

    min_replicas: Count = 3
    """The lowest number of replicas."""
    max_replicas: Count
    """The highest number of replicas."""
    cpu_utilization: Percent = 70
    """The average CPU use to aim for, in percent of the request."""

    @field_validator("max_replicas")
    @classmethod
    def _not_below_min(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("min_replicas", 1)
        if value < least:
            raise conflict(f"is {value}, but must not be below min_replicas, {least}", use=str(least))
        return value


def _scale(value: object) -> object:
    value = integer_from_text(value)
    if isinstance(value, Autoscaling) or (type(value) is int and value >= 0):
        return value
    raise ValueError("must be a number of replicas, or Autoscaling(...)")


Scale = Annotated[int | Autoscaling, PlainValidator(_scale)]


class WebService(NamespacedComponent):
    """A Deployment with limits and probes, its Service, and the policies that protect both.

    Every default can be changed: `resources`, `probes`, `security` and `rollout` take other values (None for
    the first three leaves them to the image and the cluster); `network_policy`, `disruption_budget` and
    `spread` take False; `service_account_token` takes True; `transform` changes everything else.

    If the image is for one platform only, and the nodes are not, give `platform`: "linux/arm64". The pods
    then run on such nodes only.

        WebService("web", namespace=namespace.name, image=image, env=cache.env, replicas=5)
    """

    host: pulumi.Output[str]
    """The name under which pods of the cluster reach it."""
    url: pulumi.Output[str]
    """Its URL: the load balancer's address if it has one, else the Service's in the cluster."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        namespace: InputText,
        image: InputText,
        replicas: Scale = 3,
        env: Sequence[EnvVar] = (),
        expose: Exposure = Exposure(),
        resources: WebResources | None = DEFAULT_RESOURCES,
        probes: Probes | None = Probes(),
        security: PodSecurity | None = PodSecurity(),
        rollout: Rollout = Rollout(),
        reaches: Sequence[Endpoint] = (),
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
        self._check(name, replicas, resources, rollout)
        super().__init__(name, namespace, transform, opts)
        endpoints = [*reaches, *(variable.endpoint for variable in env if variable.endpoint)]
        self._add_service_account(pull_secret, token=service_account_token)
        container = _container(name, image, env, expose.target_port, resources, probes, rollout.pre_stop)
        pod = pod_spec(container, security, account=name, token=service_account_token, platform=platform)
        pod["termination_grace_period_seconds"] = rollout.termination_grace
        if spread:
            pod["topology_spread_constraints"] = [spread_over_nodes(self.selector)]
        self._add_deployment(pod, replicas, rollout, endpoints)
        service = self._add_service(expose, rollout)
        if isinstance(replicas, Autoscaling):
            self._add_autoscaler(replicas)
        if disruption_budget and _least(replicas) > 1:
            self._add_disruption_budget()
        if network_policy:
            self._add_network_policy(expose.target_port, endpoints)
        self.host = pulumi.Output.format("{0}.{1}.svc", name, namespace)
        self.url = service_url(service, expose.port)
        self.register_outputs({"host": self.host, "url": self.url})

    @classmethod
    def _check(
        cls, name: str, replicas: int | Autoscaling, resources: Resources | None, rollout: Rollout
    ) -> None:
        """Refuse arguments that do not fit together."""
        waves = rollout.waves(replicas.max_replicas if isinstance(replicas, Autoscaling) else replicas)
        shortest = waves * rollout.min_ready
        problems = []
        if isinstance(replicas, Autoscaling) and resources is None:
            problems.append(
                "replicas is an Autoscaling, but resources is None: an autoscaler needs a CPU request"
            )
        if shortest >= rollout.timeout:
            reason = f"{waves} waves of pods, each of which must be ready for {rollout.min_ready} s"
            problems.append(
                f"rollout.timeout is {rollout.timeout}, but must be more than {shortest}: {reason}"
            )
        if problems:
            raise invalid(cls, name, problems)

    def _add_deployment(
        self,
        pod: k8s.core.v1.PodSpecArgsDict,
        replicas: int | Autoscaling,
        rollout: Rollout,
        endpoints: Sequence[Endpoint],
    ) -> None:
        client_labels = {k: v for endpoint in endpoints for k, v in endpoint.client_labels.items()}
        spec: k8s.apps.v1.DeploymentSpecArgsDict = {
            "selector": {"match_labels": self.selector},
            "strategy": {
                "type": "RollingUpdate",
                "rolling_update": {
                    "max_surge": rollout.max_surge,
                    "max_unavailable": rollout.max_unavailable,
                },
            },
            "progress_deadline_seconds": rollout.timeout,
            "revision_history_limit": 3,
            "template": {"metadata": {"labels": {**self.selector, **client_labels}}, "spec": pod},
        }
        if rollout.min_ready:
            spec["min_ready_seconds"] = rollout.min_ready
        if not isinstance(replicas, Autoscaling):  # else the autoscaler owns the number
            spec["replicas"] = replicas
        dependencies = [resource for endpoint in endpoints for resource in endpoint.depends_on]
        self._add(
            k8s.apps.v1.Deployment,
            name=self.pulumi_resource_name,
            annotations=rollout.awaited,
            spec=spec,
            opts=pulumi.ResourceOptions(depends_on=dependencies),
        )

    def _add_service(self, expose: Exposure, rollout: Rollout) -> k8s.core.v1.Service:
        spec: k8s.core.v1.ServiceSpecArgsDict = {
            "type": expose.type,
            "selector": self.selector,
            "ports": [{"name": "http", "port": expose.port, "target_port": expose.target_port}],
        }
        # Only a load balancer's address is worth waiting for: the rollout already waits for ready pods.
        annotations = rollout.awaited if expose.type == "LoadBalancer" else NOT_AWAITED
        if expose.public:
            annotations = annotations | {PUBLIC: expose.public}
        return self._add(
            k8s.core.v1.Service, name=self.pulumi_resource_name, annotations=annotations, spec=spec
        )

    def _add_autoscaler(self, autoscaling: Autoscaling) -> None:
        name = self.pulumi_resource_name
        spec: k8s.autoscaling.v2.HorizontalPodAutoscalerSpecArgsDict = {
            "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": name},
            "min_replicas": autoscaling.min_replicas,
            "max_replicas": autoscaling.max_replicas,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {
                            "type": "Utilization",
                            "average_utilization": autoscaling.cpu_utilization,
                        },
                    },
                }
            ],
        }
        self._add(k8s.autoscaling.v2.HorizontalPodAutoscaler, name=name, spec=spec)

    def _add_disruption_budget(self) -> None:
        spec: k8s.policy.v1.PodDisruptionBudgetSpecArgsDict = {
            "max_unavailable": 1,
            "selector": {"match_labels": self.selector},
        }
        self._add(k8s.policy.v1.PodDisruptionBudget, name=self.pulumi_resource_name, spec=spec)

    def _add_network_policy(self, port: int, endpoints: Sequence[Endpoint]) -> None:
        spec: k8s.networking.v1.NetworkPolicySpecArgsDict = {
            "pod_selector": {"match_labels": self.selector},
            "policy_types": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
            "egress": [*to_dns(), *(endpoint.egress for endpoint in endpoints)],
        }
        self._add(k8s.networking.v1.NetworkPolicy, name=self.pulumi_resource_name, spec=spec)


def _least(replicas: int | Autoscaling) -> int:
    return replicas.min_replicas if isinstance(replicas, Autoscaling) else replicas


def _container(
    name: str,
    image: pulumi.Input[str],
    env: Sequence[EnvVar],
    port: int,
    resources: Resources | None,
    probes: Probes | None,
    pre_stop: int,
) -> k8s.core.v1.ContainerArgsDict:
    container: k8s.core.v1.ContainerArgsDict = {
        "name": name,
        "image": image,
        "ports": [{"name": "http", "container_port": port}],
        "env": [variable.as_dict for variable in env],
    }
    if pre_stop:
        container["lifecycle"] = {"pre_stop": {"sleep": {"seconds": pre_stop}}}
    if resources:
        container["resources"] = resources.as_dict
    if probes:
        startup, readiness, liveness = probes.for_container(port)
        container["startup_probe"] = startup
        container["readiness_probe"] = readiness
        container["liveness_probe"] = liveness
    return container
