"""Base classes of the components that run a process: once, on a schedule, or all the time."""

from __future__ import annotations

from collections.abc import Iterator

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.autoscaling import Autoscaling, most
from components.kubernetes.component import NamespacedComponent
from components.kubernetes.endpoint import to_dns
from components.kubernetes.pod import spread_over_nodes
from components.kubernetes.process.process import Process
from components.kubernetes.rollout import Rollout


class ProcessComponent(NamespacedComponent):
    """A component whose pods run one process."""

    def _add_pod(
        self,
        process: Process,
        more: k8s.core.v1.ContainerArgsDict,
        pull_secret: pulumi.Input[str] | None,
        port: int | None = None,
    ) -> tuple[k8s.core.v1.PodSpecArgsDict, list[pulumi.Resource]]:
        """Create the objects that the pod needs; return the pod, and these objects."""
        name = self.pulumi_resource_name
        account = self._add_service_account(pull_secret, token=process.token)
        texts = {file.entry: content for file in process.files if (content := file.own_content) is not None}
        contents = self._add(k8s.core.v1.ConfigMap, suffix="-files", data=texts) if texts else None
        claims = [
            self._add_claim(
                claim.object_name(name), f"-{claim.name}", claim.size, claim.access, claim.storage_class
            )
            for claim in process.claims
        ]
        pod = process.pod(name, contents.metadata.name if contents else None, more, port)
        return pod, [account, *claims, *process.predecessors]

    def _add_network_policy(
        self, process: Process, port: int | None = None
    ) -> k8s.networking.v1.NetworkPolicy:
        """Admit the pods to DNS and their destinations, and all pods to their port if there is one."""
        spec: k8s.networking.v1.NetworkPolicySpecArgsDict = {
            "pod_selector": {"match_labels": self.selector},
            "policy_types": ["Ingress", "Egress"],
            "egress": [*to_dns(), *(endpoint.egress for endpoint in process.endpoints)],
        }
        if port:
            spec["ingress"] = [{"ports": [{"port": port, "protocol": "TCP"}]}]
        return self._add(k8s.networking.v1.NetworkPolicy, name=self.pulumi_resource_name, spec=spec)

    def _labels(self, process: Process) -> dict[str, str]:
        """Return the labels that select the pods, and admit them to their destinations."""
        return {**self.selector, **process.client_labels}


class DeploymentComponent(ProcessComponent):
    """A component whose process runs all the time, in the pods of a Deployment."""

    @staticmethod
    def _problems(process: Process, replicas: int | Autoscaling, rollout: Rollout) -> Iterator[str]:
        """Yield the conflicts between arguments."""
        yield from process.problems(most(replicas))
        waves = rollout.waves(most(replicas))
        shortest = waves * rollout.min_ready
        if isinstance(replicas, Autoscaling) and process.resources is None:
            yield "replicas is an Autoscaling, but resources is None: an autoscaler needs a CPU request"
        if shortest >= rollout.timeout:
            reason = f"{waves} waves of pods, each of which must be ready for {rollout.min_ready} s"
            yield f"rollout.timeout is {rollout.timeout}, but must be more than {shortest}: {reason}"

    def _add_deployment(
        self,
        process: Process,
        pod: k8s.core.v1.PodSpecArgsDict,
        replicas: int | Autoscaling,
        rollout: Rollout,
        spread: bool,
        after: list[pulumi.Resource],
    ) -> None:
        """Create the Deployment and, if it has one, its autoscaler."""
        name = self.pulumi_resource_name
        pod["termination_grace_period_seconds"] = rollout.termination_grace
        if spread:
            pod["topology_spread_constraints"] = [spread_over_nodes(self.selector)]
        spec: k8s.apps.v1.DeploymentSpecArgsDict = {
            "selector": {"match_labels": self.selector},
            "strategy": _strategy(process, rollout),
            "progress_deadline_seconds": rollout.timeout,
            "revision_history_limit": 3,
            "template": {"metadata": {"labels": self._labels(process)}, "spec": pod},
        }
        if rollout.min_ready:
            spec["min_ready_seconds"] = rollout.min_ready
        if isinstance(replicas, Autoscaling):  # it owns the number
            self._add(k8s.autoscaling.v2.HorizontalPodAutoscaler, name=name, spec=replicas.spec(name))
        else:
            spec["replicas"] = replicas
        self._add(
            k8s.apps.v1.Deployment,
            name=name,
            annotations=rollout.awaited,
            spec=spec,
            opts=pulumi.ResourceOptions(depends_on=after),
        )


def _strategy(process: Process, rollout: Rollout) -> k8s.apps.v1.DeploymentStrategyArgsDict:
    """Return how pods are replaced: at the same time only if two can have the same directories."""
    if process.for_one_pod:
        return {"type": "Recreate"}
    return {
        "type": "RollingUpdate",
        "rolling_update": {"max_surge": rollout.max_surge, "max_unavailable": rollout.max_unavailable},
    }
