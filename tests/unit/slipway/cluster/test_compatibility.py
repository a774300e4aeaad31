"""`slipway status` reports what the cluster does not support, and finished pods."""

import json
from typing import Any, cast

import pytest

from slipway.cluster.compatibility import MINIMUM, notes, server_version
from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject
from slipway.cluster.pods import finished_pods
from slipway.errors import SlipwayError

POLICY = StackObject("urn", "networking.k8s.io/v1", "NetworkPolicy", "shop", "web", {})


class FakeCluster:
    """The answers of kubectl."""

    def __init__(self, version: str = "v1.35.4", daemonsets: tuple[str, ...] | None = ()) -> None:
        self.version = version
        self.daemonsets = daemonsets

    def kubectl(self, *arguments: str) -> str:
        if arguments[0] == "version":
            return json.dumps({"clientVersion": {}, "serverVersion": {"gitVersion": self.version}})
        if self.daemonsets is None:
            raise SlipwayError("daemonsets.apps is forbidden")
        return "".join(f"daemonset.apps/{name}\n" for name in self.daemonsets)


def found(cluster: FakeCluster, *objects: StackObject) -> list[str]:
    return list(notes(cast(Cluster, cluster), objects))


@pytest.mark.parametrize(
    ("version", "number"), [("v1.30.0", "1.30"), ("v1.31.5-eks-5b8", "1.31"), ("v1.35.4+k3s1", "1.35")]
)
def test_supported_versions(version: str, number: str) -> None:
    assert server_version(cast(Cluster, FakeCluster(version))) == number
    assert found(FakeCluster(version)) == []


@pytest.mark.parametrize("version", ["v1.29.14", "v1.9.0", f"v{MINIMUM[0]}.{MINIMUM[1] - 1}.0-gke.1"])
def test_an_early_version_is_reported_with_the_reason(version: str) -> None:
    [note] = found(FakeCluster(version))
    assert "needs 1.30" in note and "preStop sleep" in note


@pytest.mark.parametrize(
    ("daemonsets", "words"),
    [
        (("calico-node", "kube-proxy"), ""),
        (("kube-flannel-ds", "canal"), ""),
        (("cilium",), ""),
        (("kube-flannel-ds", "kube-proxy"), "does not enforce"),
        (("kindnet", "kube-proxy"), "not known"),
        ((), "not known"),
        (None, "not known"),
    ],
)
def test_network_policies(daemonsets: tuple[str, ...] | None, words: str) -> None:
    """Only a plugin that is there shows something; a plugin that is not, or cannot be listed, does not."""
    cluster = FakeCluster(daemonsets=daemonsets)
    assert [words in note for note in found(cluster, POLICY)] == [True] * bool(words)
    assert found(cluster) == [], "a stack without policies"


def test_finished_pods() -> None:
    """Pods of `slipway run`, and pods that are being deleted, do not count."""

    class Pods:
        def get(self, *arguments: str) -> list[dict[str, Any]]:
            assert "app=web" in arguments
            selector = next(item for item in arguments if item.startswith("--field-selector="))
            assert all(f"status.phase!={phase}" in selector for phase in ("Pending", "Running", "Unknown"))
            evicted = {"phase": "Failed", "reason": "Evicted"}
            return [
                {"metadata": {"name": "web-1"}, "status": evicted},
                {"metadata": {"name": "web-2"}, "status": {"phase": "Succeeded"}},
                {"metadata": {"name": "web-3", "deletionTimestamp": "now"}, "status": evicted},
                {"metadata": {"name": "web-run", "labels": {"slipway/one-off": "true"}}, "status": evicted},
            ]

    workload = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }
    [note] = finished_pods(cast(Cluster, Pods()), [workload])
    assert "2 finished pods (Evicted, Succeeded)" in note
    assert note.endswith("kubectl delete pods -n shop web-1 web-2")
