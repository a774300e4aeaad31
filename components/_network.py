"""What network policies are made of: endpoints that pods may reach, and the cluster's DNS."""

from collections.abc import Mapping

import pulumi_kubernetes as k8s
from pydantic import Field

from components._validate import Port, conflict, options

DNS: k8s.networking.v1.NetworkPolicyEgressRuleArgsDict = {
    "to": [
        {
            "namespace_selector": {"match_labels": {"kubernetes.io/metadata.name": "kube-system"}},
            "pod_selector": {"match_labels": {"k8s-app": "kube-dns"}},
        }
    ],
    "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
}
"""The rule that lets a pod resolve names: https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/."""


@options
class Endpoint:
    """Something that pods talk to: other pods of the namespace by their labels, or an address range."""

    port: Port
    pods: Mapping[str, str] | None = None
    cidr: str | None = None
    client_labels: Mapping[str, str] = Field(default_factory=dict)
    """Labels that a pod must carry to be admitted."""

    def __post_init__(self) -> None:
        if (self.pods is None) == (self.cidr is None):
            raise conflict("must have either pods or cidr")

    @property
    def egress(self) -> k8s.networking.v1.NetworkPolicyEgressRuleArgsDict:
        """The rule that lets a pod reach it."""
        peer: k8s.networking.v1.NetworkPolicyPeerArgsDict = (
            {"ip_block": {"cidr": self.cidr}}
            if self.cidr
            else {"pod_selector": {"match_labels": dict(self.pods or {})}}
        )
        return {"to": [peer], "ports": [{"port": self.port, "protocol": "TCP"}]}
