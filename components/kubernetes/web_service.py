"""WebService: a web application that runs, scales, updates and is reached, safely by default."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, PlainValidator, ValidationInfo, field_validator

from components.kubernetes.component import NOT_AWAITED, PUBLIC, NamespacedComponent, Transform
from components.kubernetes.endpoint import Endpoint, to_dns
from components.kubernetes.pod import EnvVar, PodSecurity, Probes, Resources, pod_spec, spread_over_nodes
from components.kubernetes.rollout import Rollout
from components.validation import BadArgument, Count, InputText, Name, Port, checked, conflict, options

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]


@options
class Autoscaling:
    """Between how many replicas the autoscaler chooses, for which CPU use in percent of the request."""

    min_replicas: Count = 3
    """Never fewer."""
    max_replicas: Count
    """Never more."""
    cpu_utilization: Annotated[int, Field(strict=True, ge=1, le=100)] = 70
    """Average to aim for, in percent of the CPU request."""

    @field_validator("max_replicas")
    @classmethod
    def _not_below_min(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("min_replicas", 1)
        if value < least:
            raise conflict(f"is {value}, but must not be below min_replicas, {least}", use=str(least))
        return value


@options
class Exposure:
    """On which port of the Service the container's port is offered, and to whom."""

    port: Port = 80
    target_port: Port = 5000
    type: ServiceType = "ClusterIP"


def _scale(value: object) -> object:
    if isinstance(value, Autoscaling) or (type(value) is int and value >= 0):
        return value
    raise ValueError("must be a number of replicas, or Autoscaling(...)")


Scale = Annotated[int | Autoscaling, PlainValidator(_scale)]


class WebService(NamespacedComponent):
    """A Deployment with limits and probes, its Service, and what keeps both safe.

    Every default has a way out: other values in `resources`, `probes`, `security` and `rollout` (None of the
    first three leaves it to image and cluster), False for `network_policy`, `disruption_budget` and
    `spread`, True for `service_account_token`, and `transform` for the rest.
    """

    host: pulumi.Output[str]
    """The name under which pods of the cluster reach it."""
    url: pulumi.Output[str]
    """Where it answers: the load balancer's address if it has one, else the Service's in the cluster."""

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
        resources: Resources | None = Resources(),
        probes: Probes | None = Probes(),
        security: PodSecurity | None = PodSecurity(),
        rollout: Rollout = Rollout(),
        reaches: Sequence[Endpoint] = (),
        pull_secret: InputText | None = None,
        network_policy: bool = True,
        disruption_budget: bool = True,
        spread: bool = True,
        service_account_token: bool = False,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the service; raise BadArgument, before anything is touched, when the arguments do not fit."""
        _check(name, replicas, resources, rollout)
        super().__init__(name, namespace, transform, opts)
        endpoints = [*reaches, *(variable.endpoint for variable in env if variable.endpoint)]
        self._add_service_account(service_account_token, pull_secret)
        container = _container(name, image, env, expose.target_port, resources, probes, rollout.pre_stop)
        pod = pod_spec(container, security, account=name, token=service_account_token)
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

    def _add_service_account(self, token: bool, pull_secret: pulumi.Input[str] | None) -> None:
        self._add(
            k8s.core.v1.ServiceAccount,
            name=self.pulumi_resource_name,
            automount_service_account_token=token,
            image_pull_secrets=[{"name": pull_secret}] if pull_secret else None,
        )

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
        if not isinstance(replicas, Autoscaling):  # whose number it is then
            spec["replicas"] = replicas
        needed = [resource for endpoint in endpoints for resource in endpoint.depends_on]
        self._add(
            k8s.apps.v1.Deployment,
            name=self.pulumi_resource_name,
            annotations=rollout.awaited,
            spec=spec,
            opts=pulumi.ResourceOptions(depends_on=needed),
        )

    def _add_service(self, expose: Exposure, rollout: Rollout) -> k8s.core.v1.Service:
        spec: k8s.core.v1.ServiceSpecArgsDict = {
            "type": expose.type,
            "selector": self.selector,
            "ports": [{"name": "http", "port": expose.port, "target_port": expose.target_port}],
        }
        # Only a load balancer's address is worth waiting for: the rollout tells whether pods serve.
        notes = rollout.awaited if expose.type == "LoadBalancer" else NOT_AWAITED
        notes = notes if expose.type == "ClusterIP" else notes | PUBLIC
        return self._add(k8s.core.v1.Service, name=self.pulumi_resource_name, annotations=notes, spec=spec)

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
        spec = {"max_unavailable": 1, "selector": {"match_labels": self.selector}}
        self._add(k8s.policy.v1.PodDisruptionBudget, name=self.pulumi_resource_name, spec=spec)

    def _add_network_policy(self, port: int, endpoints: Sequence[Endpoint]) -> None:
        spec: k8s.networking.v1.NetworkPolicySpecArgsDict = {
            "pod_selector": {"match_labels": self.selector},
            "policy_types": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
            "egress": [to_dns(), *(endpoint.egress for endpoint in endpoints)],
        }
        self._add(k8s.networking.v1.NetworkPolicy, name=self.pulumi_resource_name, spec=spec)


def _least(replicas: int | Autoscaling) -> int:
    return replicas.min_replicas if isinstance(replicas, Autoscaling) else replicas


def _check(name: str, replicas: int | Autoscaling, resources: Resources | None, rollout: Rollout) -> None:
    """Refuse arguments that do not fit together."""
    waves = rollout.waves(replicas.max_replicas if isinstance(replicas, Autoscaling) else replicas)
    needed = waves * rollout.min_ready
    problems = []
    if isinstance(replicas, Autoscaling) and resources is None:
        problems.append("replicas is an Autoscaling, but resources is None: it measures against a request")
    if needed >= rollout.timeout:
        took = f"{waves} waves of pods, each of which has to be ready for {rollout.min_ready}"
        problems.append(f"rollout.timeout is {rollout.timeout}, but must be more than {needed}: {took}")
    if problems:
        raise BadArgument("\n  ".join((f"WebService {name!r} cannot be made:", *problems)))


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
        probes.apply_to(container, port)
    return container


def service_url(service: k8s.core.v1.Service, port: int) -> pulumi.Output[str]:
    """Return where a Service answers: its load balancer if it has one, else its address in the cluster."""

    def url(facts: Sequence[Any]) -> str:
        spec, status = facts
        ingress = ((status or {}).get("load_balancer") or {}).get("ingress")
        host = (ingress[0].get("hostname") or ingress[0].get("ip")) if ingress else spec["cluster_ip"]
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}" if port == 80 else f"http://{host}:{port}"

    return pulumi.Output.all(service.spec, service.status).apply(url)
