"""What a workload may expect of the cluster, on the running instance."""

import json
import subprocess
import time
from typing import Any

import httpx
import pytest

from sandbox.platform.images import MANIFESTS
from sandbox.platform.instance import NODES, Instance
from tests.e2e.sandbox.cluster import PORT, Cluster, container, deployment, eventually, pod, service


def test_a_pod_resolves_a_service_and_reaches_a_pod_on_the_other_node(cluster: Cluster) -> None:
    cluster.apply(pod("web", {"nodeName": "node-1"}), service("web"), pod("client", {"nodeName": "node-2"}))
    cluster.do("wait", "--for=condition=Ready", "pod/web", "pod/client", "--timeout=60s")
    resolve = "import socket; print(socket.gethostbyname('web'))"
    address = cluster.do("exec", "client", "--", "python", "-c", resolve).strip()
    assert address == cluster.get("service", "web")["spec"]["clusterIP"]
    assert eventually("an answer", lambda: cluster.fetches("client", "http://web/"))
    direct = cluster.get("pod", "web")["status"]["podIP"]
    assert eventually("a direct answer", lambda: cluster.fetches("client", f"http://{direct}:{PORT}/"))


def test_a_default_deny_policy_blocks_and_an_allow_rule_opens(cluster: Cluster) -> None:
    cluster.apply(pod("web"), service("web"), pod("friend", team="friends"), pod("stranger"))
    cluster.do("wait", "--for=condition=Ready", "pod", "--all", "--timeout=60s")
    eventually("friend reaches web without a policy", lambda: cluster.fetches("friend", "http://web/"))
    eventually("stranger reaches it too", lambda: cluster.fetches("stranger", "http://web/"))

    cluster.apply(_policy("deny", {"podSelector": {}, "policyTypes": ["Ingress"]}))
    eventually("default-deny blocks", lambda: not cluster.fetches("friend", "http://web/"), 20)

    ingress = {
        "from": [{"podSelector": {"matchLabels": {"team": "friends"}}}],
        "ports": [{"port": PORT}],
    }
    chosen = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [ingress]}
    cluster.apply(_policy("allow", chosen))
    eventually("the allow rule opens", lambda: cluster.fetches("friend", "http://web/"), 20)
    assert not cluster.fetches("stranger", "http://web/")


def test_an_egress_policy_keeps_a_pod_from_the_api_server(cluster: Cluster) -> None:
    cluster.apply(pod("client"))
    cluster.do("wait", "--for=condition=Ready", "pod/client", "--timeout=60s")
    connect = "import socket; socket.create_connection(('kubernetes.default', 443), timeout=2)"

    def connects() -> bool:
        return cluster.kubectl("exec", "client", "--", "python", "-c", connect).returncode == 0

    eventually("the API server is in reach", connects)
    dns = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [dns]}
    cluster.apply(_policy("dns-only", spec))
    eventually("the API server is out of reach", lambda: not connects(), 20)


@pytest.mark.soak  # tests/e2e/load has one too
def test_an_autoscaler_scales_out_under_load_and_back(cluster: Cluster) -> None:
    busy = "python -c 'import os, time\nwhile True: os.path.exists(\"/tmp/busy\") or time.sleep(0.1)'"
    resources = {"requests": {"cpu": "50m"}, "limits": {"cpu": "100m"}}
    worker = {"containers": [container(busy, resources=resources, readinessProbe=None)]}
    target = {"type": "Utilization", "averageUtilization": 50}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "worker"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "worker"},
            "minReplicas": 1,
            "maxReplicas": 2,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }
    cluster.apply(deployment("worker", 1, worker), autoscaler)
    cluster.ready("worker")
    first = cluster.get("pods")["items"][0]["metadata"]["name"]
    cluster.shell(first, "touch /tmp/busy")

    def replicas() -> int:
        return int(cluster.get("deployment", "worker")["spec"]["replicas"])

    eventually("a second replica under load", lambda: replicas() == 2, 120)
    cluster.shell(first, "rm /tmp/busy")
    eventually("one replica after it", lambda: replicas() == 1, 150)


def test_a_volume_outlives_its_pod_grows_and_goes_with_its_claim(cluster: Cluster) -> None:
    claim: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }

    def user(node: str) -> dict[str, object]:
        return {
            "nodeName": node,
            "securityContext": {"runAsUser": 1000, "runAsGroup": 1000, "runAsNonRoot": True},
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "containers": [container(volumeMounts=[{"name": "data", "mountPath": "/data"}])],
        }

    cluster.apply(claim, pod("writer", user("node-1")))
    cluster.do("wait", "--for=condition=Ready", "pod/writer", "--timeout=60s")
    cluster.shell("writer", "echo kept > /data/file")
    cluster.do("delete", "pod", "writer")
    cluster.apply(pod("reader", user("node-2")))
    cluster.do("wait", "--for=condition=Ready", "pod/reader", "--timeout=60s")
    assert cluster.shell("reader", "cat /data/file").strip() == "kept"

    volume = cluster.get("pvc", "data")["spec"]["volumeName"]
    claim["spec"]["resources"]["requests"]["storage"] = "2Mi"
    cluster.apply(claim)
    cluster.do("wait", "--for=jsonpath={.status.capacity.storage}=2Mi", "pvc/data", "--timeout=60s")
    assert cluster.get("pv", volume)["spec"]["capacity"]["storage"] == "2Mi"
    cluster.do("delete", "pod", "reader")
    cluster.do("delete", "pvc", "data")
    cluster.do("wait", "--for=delete", f"pv/{volume}", "--timeout=60s")


def test_a_service_is_reached_from_the_host_by_cluster_ip_and_node_port(cluster: Cluster) -> None:
    cluster.apply(pod("web"), service("web", type="NodePort"))
    cluster.do("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    spec = cluster.get("service", "web")["spec"]
    nodes = [node["status"]["addresses"][0]["address"] for node in cluster.get("nodes", *NODES)["items"]]
    urls = [
        f"http://{spec['clusterIP']}/",
        *(f"http://{node}:{spec['ports'][0]['nodePort']}/" for node in nodes),
    ]
    eventually(f"an answer from each of {urls}", lambda: all(map(_answers, urls)), 20)


def test_port_forward_logs_exec_and_top_work(cluster: Cluster) -> None:
    cluster.apply(pod("web"))
    cluster.do("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    assert cluster.shell("web", "hostname").strip() == "web"
    command = ("kubectl", "-n", cluster.name, "port-forward", "--address=127.0.0.1", "pod/web", f":{PORT}")
    with subprocess.Popen(command, env=cluster.env, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout
        port = int(forward.stdout.readline().split(" -> ")[0].rpartition(":")[2])
        try:
            eventually("an answer", lambda: _answers(f"http://127.0.0.1:{port}/"))
        finally:
            forward.terminate()
    assert "GET / " in cluster.do("logs", "web")
    usage = ("kubectl", "top", "pods", "--namespace=kube-system")  # a new pod has none for 10 s
    eventually("usage of pods", lambda: cluster.run(*usage).returncode == 0)
    assert cluster.do("top", "node").count("node-") == 2


def test_an_image_built_through_the_registry_runs(cluster: Cluster) -> None:
    registry = Instance.from_environment().registry
    image = f"{registry}/{cluster.name}:{time.time_ns()}"
    dockerfile = f'FROM {container()["image"]}\nRUN echo built > /said\nCMD ["cat", "/said"]\n'
    built = cluster.run("docker", "buildx", "build", "--push", "--tag", image, "-", stdin=dockerfile)
    assert built.returncode == 0, built.stderr
    spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": image}]}
    cluster.apply(pod("built", spec))
    eventually("its output", lambda: cluster.kubectl("logs", "built").stdout == "built\n")

    repository, tag = image.removeprefix(f"{registry}/").split(":")
    url = f"http://{registry}/v2/{repository}/manifests/"
    digest = (
        httpx.head(url + tag, headers={"Accept": MANIFESTS})
        .raise_for_status()
        .headers["Docker-Content-Digest"]
    )
    assert httpx.delete(url + digest).status_code == httpx.codes.ACCEPTED


def test_the_base_images_are_what_dockerfiles_and_manifests_expect(cluster: Cluster) -> None:
    dockerfile = f"""FROM {container()["image"]} AS builder
RUN pip --version && python -m venv /venv && /venv/bin/python --version
FROM {container()["image"]}
COPY --from=builder /usr/local/lib/python3.11/site-packages /usr/local/lib/python3.11/site-packages
COPY --from=builder /venv /venv
USER 1000
RUN ["/venv/bin/python", "-c", "import ssl, sqlite3"]
"""
    built = cluster.run("docker", "buildx", "build", "--no-cache", "-", stdin=dockerfile)
    assert built.returncode == 0, built.stderr

    redis = {"name": "main", "image": "redis:7-bookworm"}
    cluster.apply(pod("redis", {"containers": [redis]}), pod("client"))
    cluster.do("wait", "--for=condition=Ready", "pod/redis", "pod/client", "--timeout=60s")
    assert cluster.shell("redis", "awk '/^Uid/{print $2}' /proc/1/status").strip() == "999"
    address = cluster.get("pod", "redis")["status"]["podIP"]
    ask = f"import socket; s = socket.create_connection(('{address}', 6379)); s.send(b'PING\\r\\n')"
    answer = cluster.do("exec", "client", "--", "python", "-c", f"{ask}; print(s.recv(9))")
    assert "PONG" in answer


def test_pod_security_admission_enforces_a_namespaces_level(cluster: Cluster) -> None:
    cluster.do("label", "namespace", cluster.name, "pod-security.kubernetes.io/enforce=restricted")
    refused = cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod("root")))
    assert refused.returncode != 0 and "violates PodSecurity" in refused.stderr


@pytest.mark.parametrize("verb", ["get", "create"])
def test_a_service_account_has_no_rights_of_its_own(cluster: Cluster, verb: str) -> None:
    account = f"--as=system:serviceaccount:{cluster.name}:default"
    assert cluster.kubectl("auth", "can-i", verb, "secrets", account).stdout.strip() == "no"
    assert cluster.kubectl("auth", "can-i", verb, "secrets").stdout.strip() == "yes"


def _policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False
