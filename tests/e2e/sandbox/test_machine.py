"""Tests that break the instance. They run alone, in this order."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.e2e.sandbox.cluster import PROJECT, Cluster, Machine, deployment, eventually
from tests.e2e.sandbox.killing import kill

NAMESPACE = "kept"


@pytest.fixture(scope="module")
def kept(machine: Machine) -> Iterator[Cluster]:
    """Objects and data that must survive the end of any process."""
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
    return [pod["spec"].get("nodeName", "") for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def test_the_idle_platform_takes_at_most_one_and_a_half_gigabytes(machine: Machine) -> None:
    eventually("idle at 1.5 GB", lambda: machine.status()["platform_rss_bytes"] <= 1.5e9)
    assert "MB RSS for the platform" in machine.must("status")


def test_up_again_changes_nothing(machine: Machine, kept: Cluster) -> None:
    before = machine.running()
    machine.must("up")
    assert machine.running() == before


def test_up_from_another_clone_takes_over_and_leaves_no_trace_of_it(
    machine: Machine, kept: Cluster, tmp_path: Path
) -> None:
    shutil.copytree(PROJECT / "sandbox", tmp_path / "sandbox")
    machine.must("up", project=tmp_path)
    here = ("grep", "--recursive", "--files-with-matches", str(tmp_path))
    plugins = Path(kept.env["PULUMI_HOME"], "plugins")
    where = (str(machine.instance.etc), str(plugins))
    assert kept.run(*here, *where).stdout, "the other clone's plugins or processes were in use"
    shutil.rmtree(tmp_path / "sandbox")
    before = machine.running()
    machine.must("up")
    assert not kept.run(*here, *where).stdout
    assert machine.running() == before


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


@pytest.mark.soak  # tests/e2e/load powers off a node
def test_a_node_whose_kubelet_is_killed_is_replaced_by_the_other(machine: Machine, kept: Cluster) -> None:
    kept.do("rollout", "restart", "deployment/web")
    kept.ready("web")
    assert "node-2" in _nodes_of_pods(kept)
    kubelet, supervisor = machine.running()["node-2-kubelet"], machine.supervisor_pid()
    os.kill(supervisor, signal.SIGSTOP)  # or it would start the kubelet again at once
    try:
        os.kill(kubelet, signal.SIGKILL)
        eventually("all pods are on node-1", lambda: set(_nodes_of_pods(kept)) == {"node-1"}, 120)
        kept.ready("web")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    machine.wait_until_well()
    _is_whole(kept)


def test_up_repairs_a_deleted_link(machine: Machine, kept: Cluster) -> None:
    kept.run("ip", "-n", machine.instance.control_netns, "link", "delete", "node-2")
    assert not _has_link(machine)
    machine.must("up")
    assert _has_link(machine)
    machine.wait_until_well()


def test_each_process_restarts_after_kill_9(machine: Machine, kept: Cluster) -> None:
    before = machine.running()
    assert {"etcd", "kube-apiserver", "registry", "buildkitd", "node-1-kubelet"} <= before.keys()
    for name in before:
        pid = eventually(f"{name} runs", partial(_pid, machine, name))
        os.kill(pid, signal.SIGKILL)
        eventually(f"{name} is back", partial(_pid, machine, name, other_than=pid))
    machine.wait_until_well()
    _is_whole(kept)


def test_up_restarts_everything_after_kill_9_of_the_supervisor(machine: Machine, kept: Cluster) -> None:
    before = machine.running()
    os.kill(machine.supervisor_pid(), signal.SIGKILL)
    assert machine.command("status").returncode == 1
    machine.must("up")
    now = machine.running()
    assert now.keys() == before.keys() and not set(now.values()) & set(before.values())
    _is_whole(kept)


def test_up_restores_the_cluster_after_kill_9_of_everything(machine: Machine, kept: Cluster) -> None:
    uid = kept.get("namespace", NAMESPACE)["metadata"]["uid"]
    kill(machine.pids())
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
    assert not [what for what in ("namespaces", "cgroups", "processes") if after[what]]
    assert not [mount for mount in after["mounts"] if str(machine.instance.state) in mount]
    assert machine.command("status").returncode == 1
    machine.must("up")
    _is_whole(kept)


def _pid(machine: Machine, name: str, other_than: int = 0) -> int:
    """Return the pid of a running process; 0 if it does not run, or still has the pid `other_than`."""
    pid = machine.running().get(name, 0)
    return 0 if pid == other_than else pid


def _has_link(machine: Machine) -> bool:
    command = ("ip", "-n", machine.instance.node_netns("node-2"), "link", "show", "eth0")
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _in_background(kept: Cluster, *argv: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(("kubectl", *argv), env=kept.env)
