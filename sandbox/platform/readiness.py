"""The parts of the platform that are not ready, by requests to the API server and to the other servers."""

import ssl
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from sandbox.platform import pki
from sandbox.platform.instance import NODES, Instance


def client(instance: Instance) -> httpx.Client:
    """Return an HTTP client with the administrator's identity."""
    context = ssl.create_default_context(cafile=pki.certificate(instance, "ca"))
    context.load_cert_chain(pki.certificate(instance, "admin"), pki.key(instance, "admin"))
    return httpx.Client(base_url=instance.api_url, verify=context, timeout=10, trust_env=False)


def plain_client(base_url: str = "", timeout: float = 2, socket: Path | None = None) -> httpx.Client:
    """Return an HTTP client of the platform's own servers, which need neither TLS nor the machine's proxy."""
    # An empty context avoids loading the machine's certificates.
    no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = httpx.HTTPTransport(verify=no_tls, uds=str(socket) if socket else None)
    return httpx.Client(base_url=base_url, timeout=timeout, transport=transport, trust_env=False)


def api_unready(instance: Instance) -> list[str]:
    """Return the problem of an API server that is not ready."""
    with suppress(httpx.HTTPError, OSError), client(instance) as api:
        if api.get("/readyz").is_success:
            return []
    return [f"the API server is not ready: run `{instance.command('logs kube-apiserver')}`"]


def unready(instance: Instance, deployments: tuple[str, ...]) -> list[str]:
    """Return the reason for each node and kube-system Deployment that is not ready."""
    try:
        with client(instance) as api:
            return [
                *_unready_nodes(_items(api.get("/api/v1/nodes"))),
                *(reason for name in deployments if (reason := _unready_deployment(api, name))),
            ]
    except (httpx.HTTPError, OSError) as error:
        return _unreachable(error)


def _unreachable(error: Exception) -> list[str]:
    return [f"the API server is unreachable: {error}"]


def unserved(
    instance: Instance, name: str, url: str, *processes: str, socket: Path | None = None
) -> list[str]:
    """Return why a URL of the platform is not served, and the logs that say more; nothing if it is."""
    try:
        with plain_client(socket=socket) as client:
            client.get(url).raise_for_status()
    except httpx.HTTPError as error:
        return [silent(instance, name, error, *processes)]
    return []


def silent(instance: Instance, name: str, error: httpx.HTTPError, *processes: str) -> str:
    """Return the problem of a server that does not respond, with the logs of its processes."""
    logs = " and ".join(f"`{instance.command(f'logs {process}')}`" for process in processes)
    return f"{name} does not serve ({error}): run {logs}"


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
    replicas, status = deployment["spec"]["replicas"], deployment["status"]
    current = status.get("observedGeneration") == deployment["metadata"]["generation"]
    available = min(status.get("availableReplicas", 0), status.get("updatedReplicas", 0))
    return (
        None if current and available >= replicas else f"{name}: {available} of {replicas} replicas available"
    )


def system_pods(instance: Instance) -> set[str]:
    """Return the UIDs of kube-system's pods; none while the API server is unreachable."""
    try:
        with client(instance) as api:
            pods = _items(api.get("/api/v1/namespaces/kube-system/pods"))
    except (httpx.HTTPError, OSError):
        return set()
    return {pod["metadata"]["uid"] for pod in pods}


def stale(instance: Instance, since: datetime) -> list[str]:
    """Return the nodes and pods whose status the API server has from before the start at `since`."""
    moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        with client(instance) as api:
            leases = _items(api.get("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"))
            pods = _items(api.get("/api/v1/pods"))
    except (httpx.HTTPError, OSError) as error:
        return _unreachable(error)
    renewed = {lease["metadata"]["name"]: lease["spec"].get("renewTime", "") for lease in leases}
    return [
        *(f"{node} has not rejoined the cluster" for node in NODES if renewed.get(node, "") < moment),
        *(
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']} has not been restarted"
            for pod in pods
            for container in pod["status"].get("containerStatuses", [])
            if pod["status"]["phase"] == "Running" and _is_stale(pod, container, moment)
        ),
    ]


def _is_stale(pod: dict[str, Any], container: dict[str, Any], moment: str) -> bool:
    """Return whether a container still has to restart; a user's container may have ended for good."""
    started = container["state"].get("running", {}).get("startedAt", "")
    if pod["metadata"]["namespace"] == "kube-system":
        return bool(started < moment or not container["ready"])
    return bool(started) and bool(started < moment)


def _items(response: httpx.Response) -> list[dict[str, Any]]:
    return list(response.raise_for_status().json()["items"])
