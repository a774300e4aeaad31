"""The pods of a stack's components, without a cluster."""

import io
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from slipway.cli import run as command
from slipway.cli.logs import PodLogs
from slipway.cli.open import choose
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject
from slipway.cluster.pods import component_workloads, exit_code, one_off_pod, ready_pod
from slipway.cluster.service_ports import forward
from slipway.errors import SlipwayError

LABELS = {"app.kubernetes.io/name": "web", "cache-client": "true"}
SECURITY = {"runAsNonRoot": True}


def workload(kind: str = "Deployment", name: str = "web", **spec: Any) -> Object:
    container = {
        "name": name,
        "image": "hits@sha256:1",
        "args": ["serve"],
        "env": [{"name": "REDIS_HOST", "value": "cache"}],
        "ports": [{"containerPort": 8000}],
        "livenessProbe": {"httpGet": {"path": "/livez", "port": 8000}},
        "securityContext": {"readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "data", "mountPath": "/data"}],  # noqa: S108 - in the pod
    }
    pod = {
        "serviceAccountName": name,
        "securityContext": SECURITY,
        "containers": [container, {"name": "sidecar", "image": "proxy"}],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        **spec,
    }
    metadata = {"name": name, "namespace": "shop", "uid": "1", "labels": {"app.kubernetes.io/name": name}}
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"selector": {"matchLabels": {"app.kubernetes.io/name": name}}, "template": template},
    }


def pod(name: str, ready: bool, phase: str = "Running", **metadata: Any) -> Object:
    condition = {"type": "Ready", "status": str(ready)}
    return {"metadata": {"name": name, **metadata}, "status": {"phase": phase, "conditions": [condition]}}


class FakeCluster:
    """A cluster that returns the same objects for every request."""

    def __init__(self, *objects: Object) -> None:
        self.objects = objects

    def get(self, *_: str) -> Sequence[Object]:
        return self.objects


def cluster(*objects: Object) -> Cluster:
    return cast(Cluster, FakeCluster(*objects))


def in_state(item: Object) -> StackObject:
    return StackObject("urn", "apps/v1", item["kind"], "shop", item["metadata"]["name"], item)


class TestOneOffPod:
    def test_it_is_like_the_pods_of_the_workload(self) -> None:
        manifest = one_off_pod(workload(), ["flask", "db", "upgrade"])
        (container,) = manifest["spec"]["containers"]
        assert container["image"] == "hits@sha256:1"
        assert container["env"] == [{"name": "REDIS_HOST", "value": "cache"}]
        assert container["securityContext"] == {"readOnlyRootFilesystem": True}
        assert manifest["spec"]["securityContext"] == SECURITY
        assert manifest["spec"]["serviceAccountName"] == "web"
        assert manifest["metadata"]["labels"].items() >= LABELS.items()
        assert manifest["metadata"]["namespace"] == "shop"

    def test_it_runs_the_command_once(self) -> None:
        manifest = one_off_pod(workload(), ["flask", "db", "upgrade"])
        (container,) = manifest["spec"]["containers"]
        assert container["command"] == ["flask", "db", "upgrade"]
        assert not {"args", "livenessProbe", "ports"} & container.keys()
        assert manifest["spec"]["restartPolicy"] == "Never"

    def test_it_gets_no_requests_and_no_controller_adopts_it(self) -> None:
        manifest = one_off_pod(workload(), ["true"])
        assert manifest["spec"]["readinessGates"]
        assert not any(owner.get("controller") for owner in manifest["metadata"]["ownerReferences"])
        with pytest.raises(SlipwayError, match="DaemonSet would adopt"):
            one_off_pod(workload("DaemonSet"), ["true"])

    def test_the_volume_of_a_claim_is_an_empty_directory(self) -> None:
        volumes = one_off_pod(workload("StatefulSet"), ["true"])["spec"]["volumes"]
        assert volumes == [{"name": "tmp", "emptyDir": {}}, {"name": "data", "emptyDir": {}}]

    def test_the_workload_stays_unchanged(self) -> None:
        item = workload()
        one_off_pod(item, ["true"])
        assert item == workload()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"phase": "Pending"}, None),
        ({"containerStatuses": [{"state": {"running": {}}}]}, None),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, None),
        ({"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]}, 3),
    ],
)
def test_the_exit_code_of_a_pod(status: dict[str, Any], code: int | None) -> None:
    assert exit_code({"status": status}) == code


@pytest.mark.parametrize(
    ("status", "message"),
    [
        ({"phase": "Failed", "message": "node was low on memory"}, "low on memory"),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}, "ImagePullBackOff"),
    ],
)
def test_a_pod_that_cannot_start_is_an_error(status: dict[str, Any], message: str) -> None:
    with pytest.raises(SlipwayError, match=message):
        exit_code({"status": status})


def test_components_are_found_by_their_label() -> None:
    web, cache = workload(), workload("StatefulSet", "cache")
    objects = [in_state(web), in_state(cache)]
    assert component_workloads(cluster(web, cache), objects, "cache") == [cache]
    assert component_workloads(cluster(web, cache), objects, None) == [web, cache]
    with pytest.raises(SlipwayError, match="no component wbe; its components are: cache, web"):
        component_workloads(cluster(web, cache), objects, "wbe")


def test_a_ready_pod_is_preferred_to_a_running_one() -> None:
    one_off = pod("web-run", ready=True, labels={"slipway/one-off": "true"})
    pods = cluster(
        one_off, pod("starts", ready=False), pod("serves", ready=True), pod("new", False, "Pending")
    )
    assert ready_pod(pods, [workload()])["metadata"]["name"] == "serves"
    with pytest.raises(SlipwayError, match="no pod of web is running"):
        ready_pod(cluster(one_off, pod("new", False, "Pending")), [workload()])


def service(name: str, port: int, port_name: str = "") -> Object:
    labels = {"app.kubernetes.io/name": name}
    ports = [{"name": port_name, "port": port}]
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels}, "spec": {"ports": ports}}


def test_the_service_for_http_is_opened() -> None:
    web, cache, admin = service("web", 8080, "http"), service("cache", 6379), service("admin", 80)
    assert choose([web, cache], None) == web
    assert choose([web, cache], "cache") == cache
    for component, problem in ((None, "2 Services for HTTP"), ("wbe", "no Service of wbe")):
        with pytest.raises(SlipwayError, match=f"{problem}.*: admin, cache, web"):
            choose([web, cache, admin], component)


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubectl whose behaviour is a shell script; `calls` has its arguments."""
    file = tmp_path / "kubectl"
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return file


def script(kubectl: Path, text: str) -> None:
    kubectl.write_text(f'#!/bin/sh\necho "$@" >>{kubectl.with_name("calls")}\n{text}\n')
    kubectl.chmod(0o755)


def test_each_line_of_a_log_starts_with_its_pod(kubectl: Path) -> None:
    script(kubectl, 'printf "[info] started\\n[/x] ready\\n"')
    output = io.StringIO()
    PodLogs(Cluster("there"), Console(file=output)).show(pod("web-1", ready=True, namespace="shop"), 5)
    assert output.getvalue() == "web-1 [info] started\nweb-1 [/x] ready\n"
    assert "logs web-1 -n shop" in kubectl.with_name("calls").read_text()


def test_a_forwarded_port_stays_the_same_after_a_lost_connection(kubectl: Path) -> None:
    script(
        kubectl, 'echo "Forwarding from 127.0.0.1:4321 -> 8000"; echo "lost connection to pod" >&2; exit 1'
    )
    ports = forward(Cluster("there"), service("web", 80), 0)
    assert [next(ports), next(ports)] == ["4321", "4321"]
    ports.close()
    first, second = kubectl.with_name("calls").read_text().splitlines()
    assert " :80 " in first and " 4321:80 " in second and "--address=127.0.0.1" in first


def test_a_forwarded_port_works_for_any_number_of_connections(kubectl: Path) -> None:
    """There is a line of output for each, and kubectl waits while nobody reads it."""
    done = kubectl.with_name("done")
    script(
        kubectl,
        'echo "Forwarding from 127.0.0.1:4321 -> 8000"; yes "Handling connection for 4321" | head -n 5000'
        f'\ntouch {done}; sleep 60 & trap "kill $!" TERM; wait',
    )
    ports = forward(Cluster("there"), service("web", 80), 0)
    assert next(ports) == "4321"
    until = time.monotonic() + 20
    while not done.exists():
        assert time.monotonic() < until, "kubectl waits"
        time.sleep(0.05)
    ports.close()


def test_a_port_that_cannot_be_forwarded_is_an_error(kubectl: Path) -> None:
    script(kubectl, "echo 'address already in use' >&2; exit 1")
    with pytest.raises(SlipwayError, match="address already in use"):
        next(forward(Cluster("there"), service("web", 80), 80))


@pytest.mark.parametrize(("state", "code"), [('{"terminated": {"exitCode": 3}}', 3), ("gone", None)])
def test_a_one_off_pod_is_deleted_whatever_becomes_of_it(kubectl: Path, state: str, code: int | None) -> None:
    status = f'{{"status": {{"containerStatuses": [{{"state": {state}}}]}}, "metadata": {{}}}}'
    reply = "" if code is None else f"echo '{status}'"
    script(kubectl, f'case "$*" in *create*) cat;; *" get "*) {reply or ":"};; *logs*) echo done;; esac')
    manifest = one_off_pod(workload(), ["false"])
    if code is None:
        with pytest.raises(SlipwayError, match="was deleted"):
            command._run(Cluster("there"), manifest, False)
    else:
        assert command._run(Cluster("there"), manifest, False) == code
    last = kubectl.with_name("calls").read_text().splitlines()[-1]
    assert f"delete pod {manifest['metadata']['name']} -n shop" in last
