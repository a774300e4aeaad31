"""Waits on the real cluster that end well, are cut short, or are for a deletion."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from sandbox.plugins.kubernetes.awaiting import informers
from sandbox.plugins.kubernetes.awaiting_context import Event, Kind, Object
from sandbox.plugins.kubernetes.client import ApiClient
from sandbox.plugins.kubernetes.errors import UnreachableError
from tests.e2e.plugins.awaiting_cluster import (
    IMAGE,
    NAMESPACE,
    NO_IMAGE,
    Cluster,
    Outcome,
    claim,
    cluster,
    ingress,
    job,
    pod,
    quota,
    service,
    workload,
)

Scenario = Callable[[Cluster], Awaitable[Any]]

SLOW_START = {"readinessProbe": {"exec": {"command": ["true"]}, "initialDelaySeconds": 1, "periodSeconds": 1}}
CONTROLLER = {
    "apiVersion": "v1",
    "kind": "ReplicationController",
    "metadata": {"name": "old"},
    "spec": {**workload("Deployment", "old")["spec"], "selector": {"app": "Deployment-old"}},
}
TOKEN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": "default"}},
    "type": "kubernetes.io/service-account-token",
}
DONE = {
    "Deployment": (workload("Deployment", "web", container=SLOW_START), "Deployment initialization complete"),
    "StatefulSet": (workload("StatefulSet", "db"), "StatefulSet initialization complete"),
    "DaemonSet": (workload("DaemonSet", "agent"), "All replicas scheduled as expected. Replicas: 2"),
    "Job": (
        job("migrate", command=["sleep", "1"]),
        'Waiting for Job "{ns}/migrate" to succeed (Active: 0 | Succeeded: 1 | Failed: 0)',
    ),
    "Pod": (pod("tool"), 'Waiting for Pod "{ns}/tool" to be ready'),
    "Service": (service("web", "Deployment-web"), "Service initialization complete"),
    "PersistentVolumeClaim": (claim("data"), None),
    "ReplicationController": (CONTROLLER, None),
    "ResourceQuota": (quota("roomy", {"pods": "50"}), None),
    "Secret": (TOKEN, None),
}


def run(environment: dict[str, str], scenario: Scenario) -> Any:
    async def inside() -> Any:
        async with cluster(environment) as here:
            return await scenario(here)

    return asyncio.run(inside())


@pytest.fixture(scope="module")
def outcomes(sandbox: dict[str, str]) -> dict[str, tuple[str, Outcome]]:
    """One object of each kind, all awaited at once."""

    async def scenario(here: Cluster) -> dict[str, tuple[str, Outcome]]:
        async def one(kind: str, obj: Object) -> tuple[str, tuple[str, Outcome]]:
            return kind, (here.namespace, await here.ready(await here.create(obj)))

        return dict(await asyncio.gather(*(one(kind, obj) for kind, (obj, _) in DONE.items())))

    found: dict[str, tuple[str, Outcome]] = run(sandbox, scenario)
    return found


@pytest.mark.parametrize("kind", DONE)
def test_an_object_becomes_ready(outcomes: dict[str, tuple[str, Outcome]], kind: str) -> None:
    namespace, outcome = outcomes[kind]
    assert not outcome.message, (outcome.message, outcome.reasons)
    assert outcome.live is not None and outcome.live["kind"] == kind
    line = DONE[kind][1]
    assert line is None or line.format(ns=namespace) in outcome.lines


def test_an_update_waits_for_the_new_pods_not_the_old_ones(sandbox: dict[str, str]) -> None:
    async def scenario(here: Cluster) -> None:
        first = await here.ready(await here.create(workload("Deployment", "web")))
        assert first.live is not None
        broken = await here.set_image(first.live, NO_IMAGE)
        failed = await here.ready(broken, timeout=8)
        assert failed.message == "'web' timed out waiting to be Ready"
        assert any(NO_IMAGE in reason for reason in failed.reasons)
        refreshed = await here.check(await here.read(broken))
        assert refreshed.message == "Resource 'web' was created but failed to initialize"
        assert any(NO_IMAGE in reason for reason in refreshed.reasons)
        mended = await here.ready(await here.set_image(broken, IMAGE))
        assert not mended.message and mended.live is not None
        assert not (await here.check(mended.live)).message

    run(sandbox, scenario)


def test_an_ingress_is_ready_once_a_controller_gave_it_an_address(sandbox: dict[str, str]) -> None:
    async def scenario(here: Cluster) -> None:
        backend = service("web", "nobody")
        shop = await here.create(ingress("shop", "web"))
        waiting = asyncio.create_task(here.ready(shop))
        await here.create(backend)
        await here.set_status(shop, loadBalancer={"ingress": [{"ip": "192.0.2.1"}]})
        outcome = await waiting
        assert not outcome.message
        assert outcome.lines[-1] == "Ingress initialization complete"

    run(sandbox, scenario)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet", "Job", "Pod"])
def test_cancelling_ends_a_wait_within_a_second(sandbox: dict[str, str], kind: str) -> None:
    async def scenario(here: Cluster) -> None:
        image = {"image": NO_IMAGE}
        alone = {"Job": job, "Pod": pod}
        obj = alone[kind]("web", container=image) if kind in alone else workload(kind, "web", container=image)
        live = await here.create(obj)
        outcome = await here.ready(live, timeout=600, cancel_after=2)
        assert outcome.message in (
            'Resource operation was cancelled for "web"',
            "context canceled",
        )
        assert outcome.seconds < 3
        assert outcome.live is not None and outcome.live["metadata"]["uid"] == live["metadata"]["uid"]

    run(sandbox, scenario)


def test_a_deletion_in_the_foreground_leaves_no_pods(sandbox: dict[str, str]) -> None:
    async def scenario(here: Cluster) -> None:
        slow: dict[str, Any] = {
            "container": {"lifecycle": {"preStop": {"sleep": {"seconds": 2}}}},
            "pod": {"terminationGracePeriodSeconds": 5},
        }
        ready = await here.ready(await here.create(workload("Deployment", "web", replicas=2, **slow)))
        assert ready.live is not None
        assert len(await here.pods()) == 2
        await here.delete(ready.live)
        outcome = await here.gone(ready.live)
        assert not outcome.message
        assert "Resource scheduled for deletion" in outcome.lines
        assert not await here.pods()

    run(sandbox, scenario)


def test_a_deletion_in_the_background_does_not_wait_for_the_pods(sandbox: dict[str, str]) -> None:
    async def scenario(here: Cluster) -> None:
        slow = {"terminationGracePeriodSeconds": 20}
        stubborn = ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
        ready = await here.ready(await here.create(workload("Deployment", "web", command=stubborn, pod=slow)))
        assert ready.live is not None
        await here.delete(ready.live, "Background")
        assert (await here.gone(ready.live)).seconds < 5
        assert await here.pods()

    run(sandbox, scenario)


def test_a_namespace_is_gone_with_all_that_is_in_it(sandbox: dict[str, str]) -> None:
    async def scenario(here: Cluster) -> None:
        await here.ready(await here.create(pod("tool")))
        live = await here.client.get(NAMESPACE, here.namespace)
        await here.delete(live)
        assert not (await here.gone(live)).message

    run(sandbox, scenario)


def test_a_deletion_held_up_by_a_finalizer_says_so(sandbox: dict[str, str]) -> None:
    async def scenario(here: Cluster) -> None:
        held = {"name": "held", "finalizers": ["example.com/keep"]}
        live = await here.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": held})
        await here.delete(live)
        outcome = await here.gone(live, timeout=3)
        assert outcome.message == "timed out waiting for the condition"
        assert outcome.lines[-1].startswith("finalizers might be preventing deletion (example.com/keep")
        cancelled = await here.gone(live, timeout=600, cancel_after=1)
        assert cancelled.message == "context canceled"
        assert cancelled.seconds < 2
        await here.client.json_patch(live, [{"op": "remove", "path": "/metadata/finalizers"}])
        assert not (await here.gone(live)).message

    run(sandbox, scenario)


@pytest.mark.parametrize(
    "expression",
    ["jsonpath={.status.phase}=Active", '["jsonpath={.metadata.uid}", "condition=Fine"]'],
)
def test_wait_for_is_obeyed_for_a_kind_that_is_not_awaited(sandbox: dict[str, str], expression: str) -> None:
    async def scenario(here: Cluster) -> None:
        shop = workload("Deployment", "web", replicas=0)
        shop["metadata"]["annotations"] = {"pulumi.com/waitFor": expression}
        live = await here.create(shop)
        if "condition" in expression:
            waiting = asyncio.create_task(here.ready(live, timeout=20))
            await asyncio.sleep(2)
            assert not waiting.done()
            await here.set_status(live, conditions=[{"type": "Fine", "status": "True"}])
            assert not (await waiting).message
        else:
            outcome = await here.ready(live, timeout=3)
            assert outcome.message == "timed out waiting for the condition"
            assert outcome.reasons == ("{.status.phase} selected nothing",)

    run(sandbox, scenario)


class Unsteady(ApiClient):
    """A client whose watches break after every event and whose first resourceVersion is long forgotten."""

    broken = 0

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Object], str]:
        found, version = await super().list(kind, namespace)
        self.broken += 1
        return found, "1" if self.broken == 1 else version

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[Event]:
        async for event in super().watch(kind, namespace, resource_version=resource_version):
            yield event
            self.broken += 1
            raise UnreachableError("connection reset by peer")


def test_a_wait_survives_broken_and_expired_watches(
    sandbox: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.e2e.plugins.awaiting_cluster.ApiClient", Unsteady)
    monkeypatch.setattr(informers, "LONGEST_PAUSE", 0.5)

    async def scenario(here: Cluster) -> None:
        outcome = await here.ready(await here.create(workload("Deployment", "web", replicas=2)))
        assert not outcome.message, outcome.reasons
        assert isinstance(here.client, Unsteady) and here.client.broken > 5
        assert "Cannot watch Deployment objects: connection reset by peer" in outcome.lines

    run(sandbox, scenario)
