"""Asking the API server, and waiting for what runs on it."""

import ssl
import time
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

import httpx

from sandbox.platform import environment, pki
from sandbox.platform.instance import NODES, Instance, SandboxError
from sandbox.shell import run

MANIFESTS = Path(__file__).parent / "manifests"


def client(instance: Instance) -> httpx.Client:
    """An HTTP client with the administrator's identity."""
    context = ssl.create_default_context(cafile=pki.certificate(instance, "ca"))
    context.load_cert_chain(pki.certificate(instance, "admin"), pki.key(instance, "admin"))
    return httpx.Client(base_url=instance.api_url, verify=context, timeout=10, trust_env=False)


def unready(instance: Instance, deployments: tuple[str, ...]) -> list[str]:
    """The nodes and kube-system Deployments that are not as they should be, each with the reason."""
    try:
        with client(instance) as api:
            return [
                *_unready_nodes(_items(api.get("/api/v1/nodes"))),
                *(words for name in deployments if (words := _unready_deployment(api, name))),
            ]
    except (httpx.HTTPError, OSError) as error:
        return [f"the API server does not answer: {error}"]


def _unready_nodes(nodes: list[dict[str, Any]]) -> list[str]:
    conditions = {
        node["metadata"]["name"]: {c["type"]: c["status"] for c in node["status"].get("conditions", [])}
        for node in nodes
    }
    return [f"{node} is not Ready" for node in NODES if conditions.get(node, {}).get("Ready") != "True"]


def _unready_deployment(api: httpx.Client, name: str) -> str | None:
    response = api.get(f"/apis/apps/v1/namespaces/kube-system/deployments/{name}")
    if response.status_code == httpx.codes.NOT_FOUND:
        return f"{name} is not deployed"
    deployment = response.raise_for_status().json()
    wanted, status = deployment["spec"]["replicas"], deployment["status"]
    current = status.get("observedGeneration") == deployment["metadata"]["generation"]
    available = min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0))
    return None if current and available >= wanted else f"{name}: {available} of {wanted} replicas available"


def system_pods(instance: Instance) -> set[str]:
    """The UIDs of kube-system's pods; none while the API server does not answer, which `unready` tells."""
    try:
        with client(instance) as api:
            pods = _items(api.get("/api/v1/namespaces/kube-system/pods"))
    except (httpx.HTTPError, OSError):
        return set()
    return {pod["metadata"]["uid"] for pod in pods}


def _stale(instance: Instance, since: datetime) -> list[str]:
    """What the API server still believes of the time before everything was started, at `since`."""
    moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    with client(instance) as api:
        leases = api.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        renewed = {it["metadata"]["name"]: it["spec"].get("renewTime", "") for it in _items(leases)}
        pods = _items(api.get("/api/v1/pods"))
    claims = [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']} has not been started again"
        for pod in pods
        for container in pod["status"].get("containerStatuses", [])
        if pod["status"]["phase"] == "Running" and _is_stale(pod, container, moment)
    ]
    return [f"{node} has not come back" for node in NODES if renewed.get(node, "") < moment] + claims


def _is_stale(pod: dict[str, Any], container: dict[str, Any], moment: str) -> bool:
    """A user's container may have ended for good; those of the platform have to come back."""
    started = container["state"].get("running", {}).get("startedAt", "")
    if pod["metadata"]["namespace"] == "kube-system":
        return bool(started < moment or not container["ready"])
    return bool(started) and bool(started < moment)


def _items(response: httpx.Response) -> list[dict[str, Any]]:
    return list(response.raise_for_status().json()["items"])


def wait_for_fresh(instance: Instance, since: datetime, timeout: float) -> None:
    """Wait until what the API server tells is of the time after `since`, at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while left := _stale(instance, since):
        if time.monotonic() > deadline:
            raise SandboxError(f"not so after {timeout:.0f} s: {'; '.join(left)}")
        time.sleep(0.5)


def wait(instance: Instance, deployments: tuple[str, ...], timeout: float) -> None:
    """Wait until nodes and Deployments are ready, at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while left := unready(instance, deployments):
        if time.monotonic() > deadline:
            raise SandboxError(f"not ready after {timeout:.0f} s: {'; '.join(left)}")
        time.sleep(0.5)


def wait_for_api(instance: Instance, timeout: float) -> None:
    """Wait until the API server says that it is ready, at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            with client(instance) as api:
                if api.get("/readyz").is_success:
                    return
        except (httpx.HTTPError, OSError):
            pass  # not yet listening
        if time.monotonic() > deadline:
            raise SandboxError(
                f"the API server is not ready after {timeout:.0f} s: python -m sandbox logs kube-apiserver"
            )
        time.sleep(0.2)


def render(manifests: tuple[str, ...], values: dict[str, str]) -> str:
    """The text of manifests with their ${values} filled in."""
    text = "\n---\n".join((MANIFESTS / f"{name}.yaml").read_text() for name in manifests)
    return Template(text).substitute(values)


def apply(instance: Instance, text: str) -> None:
    """Bring manifests to the cluster by server-side apply."""
    run(
        "kubectl", "apply", "--server-side", "--force-conflicts", "--field-manager=sandbox", "-f", "-",
        stdin=text, env=environment.process(instance),
    )  # fmt: skip
