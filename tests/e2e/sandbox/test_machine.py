"""Breaking things, on a second instance beside the default one. The tests run in this order."""

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.sandbox.cluster import Cluster, Machine, deployment, eventually, pod

NAMESPACE = "kept"


@pytest.fixture(scope="module")
def kept(machine: Machine) -> Iterator[Cluster]:
    """Objects and data that must outlive whatever happens to the processes."""
    with machine.cluster().namespace(NAMESPACE) as cluster:
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
        }
        spec = {
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "containers": [
                {
                    "name": "main",
                    "image": "python:3.11-slim-bookworm",
                    "command": ["python", "-m", "http.server", "8000", "--directory", "/data"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
        }
        budget = {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "web"},
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}},
        }
        cluster.apply(claim, deployment("web", 4, spec), budget)
        cluster.ready("web")
        cluster.shell("deployment/web", "echo kept > /data/file")
        yield cluster


def _is_whole(kept: Cluster) -> None:
    kept.ready("web")
    assert kept.shell("deployment/web", "cat /data/file").strip() == "kept"


def _nodes_of_pods(kept: Cluster) -> list[str]:
    pods = kept.get("pods", "-l", "app=web")["items"]
    return [one["spec"].get("nodeName", "") for one in pods if "deletionTimestamp" not in one["metadata"]]


def test_up_again_changes_nothing(machine: Machine, kept: Cluster) -> None:
    before = {name: process["pid"] for name, process in machine.processes().items()}
    machine.must("up")
    assert {name: process["pid"] for name, process in machine.processes().items()} == before


def test_a_drained_node_empties_with_its_budgets_kept(machine: Machine, kept: Cluster) -> None:
    with_drain = ("drain", "node-2", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s")
    with _in_background(kept, *with_drain) as drain:
        available = []
        while drain.poll() is None:
            available.append(kept.get("deployment", "web")["status"].get("availableReplicas", 0))
        assert drain.returncode == 0
    assert min(available) >= 3
    kept.ready("web")
    assert set(_nodes_of_pods(kept)) == {"node-1"}
    kept.do("uncordon", "node-2")


def test_the_pods_of_a_node_that_is_cut_off_move_to_the_other(machine: Machine, kept: Cluster) -> None:
    kept.apply(pod("probe", {"nodeName": "node-2"}))
    kept.do("rollout", "restart", "deployment/web")
    kept.ready("web")
    _link("down")
    try:
        eventually("node-2 is NotReady", lambda: "node-2 is not Ready" in machine.problems(), 60)
        eventually("all pods are on node-1", lambda: set(_nodes_of_pods(kept)) == {"node-1"}, 90)
    finally:
        _link("up")
    eventually("node-2 is Ready again", lambda: not machine.problems(), 90)
    _is_whole(kept)


def test_up_mends_a_link_that_is_gone(machine: Machine, kept: Cluster) -> None:
    kept.run("ip", "-n", "sandbox-test-control", "link", "delete", "node-2")
    machine.must("up")
    assert (
        kept.run("ip", "netns", "exec", "sandbox-test-node-2", "ip", "link", "show", "eth0").returncode == 0
    )
    eventually("all is well", lambda: not machine.problems(), 90)


def test_every_process_comes_back_after_kill_9(machine: Machine, kept: Cluster) -> None:
    before = {name: p["pid"] for name, p in machine.processes().items() if p["state"] == "RUNNING"}
    assert {"etcd", "kube-apiserver", "registry", "buildkitd", "node-1-kubelet"} <= before.keys()
    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    def all_back() -> bool:
        now = machine.processes()
        return all(now[name]["state"] == "RUNNING" and now[name]["pid"] != before[name] for name in before)

    eventually("every process has come back by itself", all_back, 90)
    eventually("the cluster is well", lambda: not machine.problems(), 120)
    _is_whole(kept)


def test_after_kill_9_of_everything_up_brings_the_same_cluster_back(machine: Machine, kept: Cluster) -> None:
    uid = kept.get("namespace", NAMESPACE)["metadata"]["uid"]
    for pid in machine.state()["processes"]:
        os.kill(int(pid.rpartition("/")[2]), signal.SIGKILL)
    assert machine.command("status").returncode == 1
    machine.must("up")
    assert kept.get("namespace", NAMESPACE)["metadata"]["uid"] == uid
    _is_whole(kept)


def test_down_leaves_the_machine_as_it_was_and_up_brings_everything_back(
    machine: Machine, kept: Cluster
) -> None:
    machine.must("down")
    after = machine.state()
    for what, before in machine.before.items():
        assert after[what] == before, what
    assert machine.command("status").returncode == 1
    machine.must("up")
    _is_whole(kept)


def _link(state: str) -> None:
    command = ("ip", "-n", "sandbox-test-control", "link", "set", "node-2", state)
    subprocess.run(command, check=True)


def _in_background(kept: Cluster, *argv: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(("kubectl", *argv), env=kept.env)
