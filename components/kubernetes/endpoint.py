"""Parts of network policies: endpoints that pods may reach, and the cluster's DNS."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Annotated

import pulumi
import pulumi_kubernetes as k8s
from pydantic import AfterValidator, Field

from components.validation import Port, conflict, options


def to_dns() -> k8s.networking.v1.NetworkPolicyEgressRuleArgsDict:
    """Return the rule that lets a pod resolve names.

    https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/
    """
    peer: k8s.networking.v1.NetworkPolicyPeerArgsDict = {
        "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}},
        "pod_selector": {"match_labels": {"k8s-app": "kube-dns"}},
    }
    return {"to": [peer], "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}


def _cidr(value: str) -> str:
    ipaddress.ip_network(value)
    return value


@options
class Endpoint:
    """A destination of pods: other pods of the namespace by their labels, or an address range."""

    port: Port
    pods: Mapping[str, str] | None = None
    cidr: Annotated[str, AfterValidator(_cidr)] | None = None
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
        return {"to": [peer], "ports": [{"port": self.port, "protocol": "TCP"}]}
