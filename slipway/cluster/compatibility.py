"""Whether a cluster supports what stacks need: a recent API server, and enforced NetworkPolicies."""

import json
import re
from collections.abc import Iterator, Sequence

from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject
from slipway.errors import SlipwayError

MINIMUM = (1, 30)
"""The earliest supported version of the API server.

Earlier ones drop `lifecycle.preStop.sleep` from pods, and refuse what is left of it: the feature gate
PodLifecycleSleepAction is on from 1.30. They also lack ValidatingAdmissionPolicy v1, which bounds the account
for previews. https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
"""
ENFORCING = {
    "anetd", "antrea-agent", "azure-npm", "calico-node", "canal", "cilium", "kube-network-policies",
    "kube-router", "ovnkube-node", "weave-net",
}  # fmt: skip
"""The DaemonSets of network plugins that enforce NetworkPolicies.

https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/
"""
IGNORING = {"kube-flannel", "kube-flannel-ds"}
"""Flannel leaves NetworkPolicies to other plugins: https://github.com/flannel-io/flannel#networking-details."""
_GUIDE = "docs/guides/promotion.md says how to check"


def notes(cluster: Cluster, objects: Sequence[StackObject]) -> Iterator[str]:
    """Yield a sentence for each feature that a cluster lacks, or may lack, for the objects of a stack."""
    if problem := unsupported_version(cluster):
        yield problem
    if any(item.kind == "NetworkPolicy" for item in objects) and (problem := _enforcement(cluster)):
        yield problem


def unsupported_version(cluster: Cluster) -> str:
    """Return why the version of the API server is not supported; empty if it is."""
    version = server_version(cluster)
    if tuple(map(int, version.split("."))) >= MINIMUM:
        return ""
    return (
        f"the API server runs Kubernetes {version}; Slipway needs {'.'.join(map(str, MINIMUM))}, because"
        " earlier versions have no preStop sleep: pods end while they still get requests"
    )


def server_version(cluster: Cluster) -> str:
    """Return the version of the API server: 1.35."""
    server = json.loads(cluster.kubectl("version", "--output=json"))["serverVersion"]
    return ".".join(re.findall(r"\d+", server["gitVersion"])[:2])


def _enforcement(cluster: Cluster) -> str:
    """Return why NetworkPolicies may have no effect; empty if a network plugin enforces them."""
    try:
        names = cluster.kubectl("get", "daemonsets", "--all-namespaces", "--output=name").split()
    except SlipwayError:  # usually, permission is missing
        names = []
    plugins = {name.rpartition("/")[2] for name in names}
    if plugins & ENFORCING:
        return ""
    if plugins & IGNORING:
        return "the cluster does not enforce the stack's NetworkPolicies: flannel ignores them"
    return f"it is not known whether the cluster enforces the stack's NetworkPolicies; {_GUIDE}"
