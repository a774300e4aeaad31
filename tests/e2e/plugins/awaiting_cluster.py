"""The objects that the await tests make on the real cluster, and how they are made and awaited."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.instance import Instance
from sandbox.plugins.kubernetes import awaiting, kubeconfig
from sandbox.plugins.kubernetes.awaiting.kinds import POD
from sandbox.plugins.kubernetes.awaiting_context import AwaitContext, Kind, Object, Severity
from sandbox.plugins.kubernetes.client import ApiClient
from sandbox.plugins.kubernetes.errors import AwaitError, StatusError
from sandbox.plugins.kubernetes.transport import Transport

IMAGE = "python:3.11-slim-bookworm"
NO_IMAGE = f"{Instance.from_environment().registry}/library/nothing:typo"
NAMESPACE = Kind("", "v1", "Namespace")
MANAGER = "pulumi-kubernetes"
LAST_WORDS = "no DATABASE_URL"
SLEEP = ["sleep", "3600"]
CRASH = ["sh", "-c", f"sleep 0.3; echo {LAST_WORDS} >&2; exit 3"]
TOO_MUCH = {"resources": {"requests": {"cpu": "2", "memory": "1Mi"}}}


@dataclass
class Log:
    """What the user would be told."""

    lines: list[str] = field(default_factory=list)

    async def status(self, severity: Severity, message: str) -> None:
        if message and severity != "debug" and message not in self.lines:
            self.lines.append(message)

    async def log(self, severity: Severity, message: str) -> None:
        self.lines.append(message)


@dataclass(frozen=True)
class Outcome:
    """How a wait went."""

    seconds: float
    lines: Sequence[str]
    message: str = ""
    """The error; empty when the object became ready."""
    reasons: Sequence[str] = ()
    live: Object | None = None


@dataclass
class Cluster:
    """A namespace of its own on the real cluster."""

    client: ApiClient
    namespace: str

    async def create(self, obj: Object) -> Object:
        """Make an object in the namespace."""
        placed = {**obj, "metadata": {"namespace": self.namespace, **obj["metadata"]}}
        return await self.client.create(placed, manager=MANAGER)

    async def delete(self, obj: Object, propagation: str = "Foreground") -> None:
        """Begin to delete an object."""
        meta = obj["metadata"]
        await self.client.delete(
            Kind.of(obj), meta["name"], meta.get("namespace", ""), propagation=propagation
        )

    async def read(self, obj: Object) -> Object:
        """The object as it is now."""
        return await self.client.get(Kind.of(obj), obj["metadata"]["name"], self.namespace)

    async def set_image(self, obj: Object, image: str) -> Object:
        """Change the image of a workload's container."""
        path = "/spec/template/spec/containers/0/image"
        return await self.client.json_patch(obj, [{"op": "replace", "path": path, "value": image}])

    async def set_status(self, obj: Object, **status: Any) -> None:
        """Say what a controller would."""
        plural, _ = await self.client.discovery.resource(Kind.of(obj))
        meta, api = obj["metadata"], obj["apiVersion"]
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        path = f"{root}/namespaces/{meta['namespace']}/{plural}/{meta['name']}/status"
        await self.client._transport.json(
            "PATCH", path, body={"status": status}, content_type="application/merge-patch+json"
        )

    async def ready(self, live: Object, *, timeout: float = 60, cancel_after: float | None = None) -> Outcome:
        """Wait until an object is ready."""
        return await self._await(awaiting.await_ready, live, timeout, cancel_after)

    async def check(self, live: Object) -> Outcome:
        """Judge an object as a refresh does."""
        return await self._await(awaiting.check_ready, live, 60, None)

    async def gone(self, live: Object, *, timeout: float = 60, cancel_after: float | None = None) -> Outcome:
        """Wait until an object is gone."""
        return await self._await(awaiting.await_deleted, live, timeout, cancel_after)

    async def pods(self) -> list[str]:
        """The names of the Pods that are left."""
        found, _ = await self.client.list(POD, self.namespace)
        return [pod["metadata"]["name"] for pod in found]

    async def _await(
        self,
        wait: Callable[[AwaitContext], Awaitable[Object | None]],
        live: Object,
        timeout: float,
        cancel_after: float | None,
    ) -> Outcome:
        log, cancelled, started = Log(), asyncio.Event(), time.monotonic()
        if cancel_after is not None:
            asyncio.get_running_loop().call_later(cancel_after, cancelled.set)
        context = AwaitContext(
            client=self.client,
            urn="urn:pulumi:e2e::awaiting::kubernetes::test",
            inputs=live,
            live=live,
            log=log,
            cancelled=cancelled,
            timeout=timeout,
        )
        try:
            found = await wait(context)
        except AwaitError as error:
            last = dict(error.live) if error.live is not None else None
            return Outcome(time.monotonic() - started, log.lines, str(error), error.reasons, last)
        return Outcome(time.monotonic() - started, log.lines, live=found)


@asynccontextmanager
async def cluster(environment: dict[str, str]) -> AsyncIterator[Cluster]:
    """A new namespace, deleted at the end (without waiting for it)."""
    access = kubeconfig.parse(environment["KUBECONFIG"]).resolve()
    client, name = ApiClient(Transport(access)), f"awaiting-{uuid.uuid4().hex[:8]}"
    namespace = await client.create(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, manager=MANAGER
    )
    here = Cluster(client, name)
    try:
        yield here
    finally:
        try:
            await here.delete(namespace)
        except StatusError as error:
            assert error.not_found, error  # A test may have deleted it.
        await client.close()


def workload(kind: str, name: str, *, command: list[str] = SLEEP, **changes: Any) -> Object:
    """A Deployment, StatefulSet or DaemonSet of one replica.

    `container` and `pod` are merged into its container and its Pods' spec, the rest into its own spec.
    """
    labels = {"app": f"{kind}-{name}"}
    spec: Object = {
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": pod_spec(command, changes.pop("container", {}), changes.pop("pod", {})),
        },
        **({"serviceName": name} if kind == "StatefulSet" else {}),
        **changes,
    }
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def job(name: str, *, command: list[str] = SLEEP, **changes: Any) -> Object:
    """A Job whose Pod is not restarted."""
    spec = pod_spec(
        command, changes.pop("container", {}), {"restartPolicy": "Never", **changes.pop("pod", {})}
    )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": spec}, "backoffLimit": 0, **changes},
    }


def pod(name: str, *, command: list[str] = SLEEP, **changes: Any) -> Object:
    """A Pod on its own."""
    spec = pod_spec(command, changes.pop("container", {}), changes.pop("pod", {}))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": spec,
    }


def pod_spec(command: list[str], container: Object, changes: Object) -> Object:
    """What the Pods of these tests have in common: they are small, and tell their last words."""
    web = {
        "name": "web",
        "image": IMAGE,
        "command": command,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}},
        **container,
    }
    return {"terminationGracePeriodSeconds": 0, "containers": [web], **changes}


def quota(name: str, hard: dict[str, str]) -> Object:
    """A limit on what the namespace may use."""
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": hard}}


def claim(name: str, storage_class: str | None = None) -> Object:
    """A claim of a small volume."""
    spec: Object = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    if storage_class is not None:
        spec["storageClassName"] = storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def service(name: str, app: str, **spec: Any) -> Object:
    """A Service for the Pods of an app."""
    spec = {"selector": {"app": app}, "ports": [{"port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ingress(name: str, backend: str) -> Object:
    """An Ingress of a Service."""
    path = {
        "path": "/",
        "pathType": "Prefix",
        "backend": {"service": {"name": backend, "port": {"number": 80}}},
    }
    spec = {"rules": [{"host": "shop.example", "http": {"paths": [path]}}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": name}, "spec": spec}
