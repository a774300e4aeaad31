"""Parts of network policies: endpoints that pods may reach, and the cluster's DNS."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import AfterValidator, Field

from components.validation import Port, conflict, options

Protocol = Literal["TCP", "UDP"]


def to_dns() -> list[k8s.networking.v1.NetworkPolicyEgressRuleArgsDict]:
    """Return the rules that let a pod resolve names.

    DNS runs in pods of kube-system, or on the node at a link-local address, which no selector matches:
    NodeLocal DNSCache, GKE's Cloud DNS, AKS' LocalDNS. OpenShift's DNS pods listen on port 5353. For any
    other, give an endpoint: `Endpoint(port=53, protocol="UDP", cidr="10.0.0.2/32")`.
    https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/
    """
    on_node: k8s.networking.v1.NetworkPolicyPeerArgsDict = {"ip_block": {"cidr": "169.254.0.0/16"}}
    return [
        {"to": [_pods("kube-system", {"k8s-app": "kube-dns"}), on_node], "ports": _ports(53)},
        {
            "to": [_pods("openshift-dns", {"dns.operator.openshift.io/daemonset-dns": "default"})],
            "ports": _ports(5353),
        },
    ]


def _pods(namespace: str, labels: dict[str, str]) -> k8s.networking.v1.NetworkPolicyPeerArgsDict:
    return {
        "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": namespace}},
        "pod_selector": {"match_labels": labels},
    }


def _ports(port: int) -> list[k8s.networking.v1.NetworkPolicyPortArgsDict]:
    return [{"port": port, "protocol": "UDP"}, {"port": port, "protocol": "TCP"}]


def _cidr(value: str) -> str:
    ipaddress.ip_network(value)
    return value


Cidr = Annotated[str, AfterValidator(_cidr)]


@options
class Endpoint:
    """A destination of pods: other pods of the namespace by their labels, or an address range."""

    port: Port
    protocol: Protocol = "TCP"
    pods: Mapping[str, str] | None = None
    cidr: Cidr | None = None
    client_labels: Mapping[str, str] = Field(default_factory=dict)
    """Labels that a pod needs to be admitted."""
    depends_on: Sequence[pulumi.Resource] = ()
    """Resources that must be ready before a client starts.

    They only set the order. Unlike an output as an input, they never cause a client to be replaced.
    """

    def __post_init__(self) -> None:
        if (self.pods is None) == (self.cidr is None):
            raise conflict("must have either pods or cidr")

    @property
    def egress(self) -> k8s.networking.v1.NetworkPolicyEgressRuleArgsDict:
        """The rule that lets a pod reach the endpoint."""
        peer: k8s.networking.v1.NetworkPolicyPeerArgsDict = (
            {"ip_block": {"cidr": self.cidr}}
            if self.cidr
            else {"pod_selector": {"match_labels": dict(self.pods or {})}}
        )
        return {"to": [peer], "ports": [{"port": self.port, "protocol": self.protocol}]}
