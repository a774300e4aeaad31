"""A client of the Kubernetes API with the rights of the pod's service account."""

import json
import os
import ssl
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_MERGE = "application/merge-patch+json"
TIMEOUT_S = 10


def available() -> bool:
    """Return whether this is a pod, and not a container of a Docker engine."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


class Kubernetes:
    """The objects of the pod's own namespace."""

    def __init__(self) -> None:
        host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
        namespace = (_ACCOUNT / "namespace").read_text()
        address = f"[{host}]" if ":" in host else host
        self._server = f"https://{address}:{port}"
        self._namespace = namespace
        self._tls = ssl.create_default_context(cafile=str(_ACCOUNT / "ca.crt"))

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """Return the pods that have these labels."""
        listed = self._request("GET", f"/api/v1/{self._in('pods')}?labelSelector={selector}")
        return list(listed["items"])

    def stateful_set(self, name: str) -> dict[str, Any]:
        """Return a StatefulSet."""
        return self._request("GET", f"/apis/apps/v1/{self._in('statefulsets')}/{name}")

    def delete_pod(self, name: str) -> None:
        """Delete a pod, which has its own time to stop."""
        self._request("DELETE", f"/api/v1/{self._in('pods')}/{name}")

    def label_pod(self, name: str, labels: Mapping[str, str]) -> None:
        """Set labels of a pod."""
        self._request("PATCH", f"/api/v1/{self._in('pods')}/{name}", {"metadata": {"labels": labels}})

    def write_config_map(self, name: str, data: Mapping[str, str]) -> None:
        """Set keys of a ConfigMap that exists."""
        self._request("PATCH", f"/api/v1/{self._in('configmaps')}/{name}", {"data": data})

    def _in(self, kind: str) -> str:
        return f"namespaces/{self._namespace}/{kind}"

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        # Read each time: the kubelet renews it.
        token = (_ACCOUNT / "token").read_text()
        request = urllib.request.Request(  # noqa: S310 # https, above
            f"{self._server}{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": _MERGE},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=self._tls) as answer:  # noqa: S310
            content: dict[str, Any] = json.load(answer)
            return content
