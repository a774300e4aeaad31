"""How waits go: what is watched, when they end, and what is left when they are cut short."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from sandbox.plugins.kubernetes import awaiting
from sandbox.plugins.kubernetes.awaiting_context import Kind, Object
from sandbox.plugins.kubernetes.errors import AwaitError, StatusError, UnreachableError
from tests.unit.plugins.awaiting import samples
from tests.unit.plugins.awaiting.samples import AVAILABLE, UNAVAILABLE, condition, obj
from tests.unit.plugins.awaiting.simulated import World, settle

DEPLOYMENT = Kind("apps", "v1", "Deployment")


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def starting() -> tuple[Object, Object]:
    """A Deployment whose only Pod has not come up, and its ReplicaSet."""
    web = samples.deployment(conditions=UNAVAILABLE)
    return web, samples.replica_set(web, ready=0)


def served(web: Object) -> tuple[Object, Object]:
    """The same a moment later."""
    return {**web, "status": {"observedGeneration": 1, "conditions": AVAILABLE}}, samples.replica_set(
        web, ready=1
    )


async def failure(work: Coroutine[Any, Any, Any]) -> AwaitError:
    with pytest.raises(AwaitError) as caught:
        await work
    return caught.value


def test_a_wait_ends_with_the_object_as_soon_as_it_is_ready() -> None:
    async def scenario() -> None:
        world, (web, replicas) = World(), starting()
        world.api.put(web, replicas)
        world.time.at(3, lambda: world.api.put(*served(web)))
        live = await awaiting.await_ready(world.context(web))
        assert world.time.now == 3
        assert live["status"]["conditions"] == AVAILABLE
        assert world.log.told == [
            "[MinimumReplicasUnavailable] Deployment does not have minimum availability.",
            "Waiting for app ReplicaSet to be available (0/1 Pods available)",
            "Deployment initialization complete",
        ]

    run(scenario())


def test_a_wait_fails_when_its_time_is_up_and_names_the_cause() -> None:
    async def scenario() -> None:
        world, (web, replicas) = World(), starting()
        pod = samples.unready_pod("web-1-x", samples.PULLING, owner=replicas)
        world.api.put(web, replicas, pod)
        error = await failure(awaiting.await_ready(world.context(web, timeout=30)))
        assert world.time.now == 30
        assert str(error) == "'web' timed out waiting to be Ready"
        assert error.reasons == (
            "[MinimumReplicasUnavailable] Deployment does not have minimum availability.",
            "Minimum number of live Pods was not attained",
            "[Pod shop/web-1-x]: containers with unready status: [web]"
            f"[ImagePullBackOff] {samples.PULL_ERROR}",
        )
        assert error.live is not None and error.live["metadata"]["uid"] == web["metadata"]["uid"]
        assert error.reasons[-1] in world.log.told, "trouble that lasts is shown before the end"

    run(scenario())


def test_cancelling_ends_a_wait_at_once_with_what_is_known() -> None:
    async def scenario() -> None:
        world, (web, replicas) = World(), starting()
        world.api.put(web, replicas)
        world.time.at(5, world.cancelled.set)
        error = await failure(awaiting.await_ready(world.context(web)))
        assert world.time.now == 5
        assert str(error) == 'Resource operation was cancelled for "web"'
        assert error.live is not None and error.live["status"]["conditions"] == UNAVAILABLE
        assert "Minimum number of live Pods was not attained" in error.reasons

    run(scenario())


def test_cancelling_needs_no_answer_from_the_api_server() -> None:
    async def scenario() -> None:
        world, (web, _) = World(), starting()
        world.api.failure = UnreachableError("connection refused")
        world.cancelled.set()
        assert "cancelled" in str(await failure(awaiting.await_ready(world.context(web))))

    run(scenario())


@pytest.mark.parametrize("forget", [False, True])
def test_a_broken_watch_misses_nothing(forget: bool) -> None:
    async def scenario() -> None:
        world, (web, replicas) = World(), starting()
        world.api.put(web, replicas)
        world.time.at(2, lambda: world.api.disconnect(forget=forget))
        world.time.at(4, lambda: world.api.put(*served(web)))
        await awaiting.await_ready(world.context(web))
        assert world.time.now == 4
        assert world.api.watches.count(DEPLOYMENT) == (3 if forget else 2), "too old a version is tried once"
        assert world.api.lists.count(DEPLOYMENT) == (2 if forget else 1), "listed anew only if need be"

    run(scenario())


def test_an_object_deleted_while_the_watch_was_down_is_not_taken_for_ready() -> None:
    async def scenario() -> None:
        world, (web, replicas) = World(), starting()
        world.api.put(web, replicas)

        def vanish() -> None:
            world.api.put(*served(web))
            world.api.remove(web)
            world.api.disconnect(forget=True)

        world.time.at(2, vanish)
        error = await failure(awaiting.await_ready(world.context(web, timeout=20)))
        assert "timed out" in str(error)
        assert any("not found" in reason for reason in error.reasons)

    run(scenario())


def test_a_refused_watch_is_told_and_the_last_look_still_decides() -> None:
    async def scenario() -> None:
        world, (web, replicas) = World(), starting()
        world.api.put(*served(web), replicas)
        world.api.put(*served(web))
        world.api.failure = StatusError(
            {"code": 403, "reason": "Forbidden", "message": "deployments is forbidden"}
        )
        error = await failure(awaiting.await_ready(world.context(web, timeout=20)))
        assert "Cannot watch Deployment objects: deployments is forbidden" in world.log.told
        assert "Cannot read Deployment: deployments is forbidden" in error.reasons
        world.api.failure = None
        await awaiting.await_ready(world.context(web, timeout=20))

    run(scenario())


def test_waits_in_a_namespace_share_one_watch_for_each_kind_and_leave_none_behind() -> None:
    async def scenario() -> None:
        world, tasks = World(), []
        for number in range(10):
            web = samples.deployment(f"web{number}", conditions=UNAVAILABLE)
            world.api.put(web, samples.replica_set(web, ready=0))
            tasks.append(asyncio.create_task(awaiting.await_ready(world.context(web, timeout=50))))
        await asyncio.gather(*tasks, return_exceptions=True)
        assert world.api.watches.count(DEPLOYMENT) == 1
        assert len(world.api.watches) == 5, "Deployment, ReplicaSet, Pod, PersistentVolumeClaim, Event"
        await settle()
        assert len(asyncio.all_tasks()) == 1

    run(scenario())


def test_events_about_the_object_are_shown() -> None:
    async def scenario() -> None:
        world = World()
        job = samples.job()
        world.api.put(job, samples.event(job, "FailedCreate", "exceeded quota: small"))
        world.api.put(samples.event(job, "Started", "all well", kind="Normal"))
        error = await failure(awaiting.await_ready(world.context(job, timeout=5)))
        assert ("warning", "FailedCreate: exceeded quota: small") in world.log.lines
        assert ("debug", "Started: all well") in world.log.lines
        assert error.reasons == ("[FailedCreate] exceeded quota: small",)

    run(scenario())


def test_a_service_gives_its_endpoints_ten_seconds_to_settle() -> None:
    async def scenario() -> None:
        world, web = World(), samples.service()
        world.api.put(web)
        world.time.at(1, lambda: world.api.put(samples.endpoints()))
        world.time.at(4, lambda: world.api.put(samples.endpoints(pending=1)))
        world.time.at(15, lambda: world.api.put(samples.endpoints(ready=1)))
        await awaiting.await_ready(world.context(web))
        assert world.time.now == 25

    run(scenario())


def test_an_ingress_without_any_endpoints_is_given_a_minute() -> None:
    async def scenario() -> None:
        world = World()
        path = {"path": "/", "backend": {"service": {"name": "web"}}}
        shop = obj(
            "networking.k8s.io/v1",
            "Ingress",
            "shop",
            spec={"rules": [{"http": {"paths": [path]}}]},
            status={"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
        )
        world.api.put(shop)
        await awaiting.await_ready(world.context(shop))
        assert world.time.now == 60
        assert 'No matching service found for ingress rule: "/" -> "web"' in world.log.told

    run(scenario())


def test_a_failed_job_ends_the_wait_and_remembers_its_removed_pods() -> None:
    async def scenario() -> None:
        world, job = World(), samples.job(active=1)
        ended = samples.container(state={"terminated": {"exitCode": 2, "reason": "Error"}})
        pod = samples.unready_pod("migrate-x", ended, owner=job)
        failed = samples.job(condition("Failed", "True", "BackoffLimitExceeded", "Job has reached its limit"))
        world.api.put(job, pod)
        world.time.at(2, lambda: world.api.remove(pod))
        world.time.at(3, lambda: world.api.put(failed))
        error = await failure(awaiting.await_ready(world.context(job)))
        assert world.time.now == 3
        assert str(error) == "Resource 'migrate' was created but failed to initialize"
        assert "exit code 2" in error.reasons[0]
        assert error.reasons[1] == "[BackoffLimitExceeded] Job has reached its limit"

    run(scenario())


@pytest.mark.parametrize(("kind", "seconds"), [("PersistentVolumeClaim", 300), ("PersistentVolume", 300)])
def test_some_kinds_are_given_less_time_than_asked_for(kind: str, seconds: int) -> None:
    async def scenario() -> None:
        world, pending = World(), obj("v1", kind, "data", spec={}, status={"phase": "Pending"})
        world.api.put(pending)
        error = await failure(awaiting.await_ready(world.context(pending, timeout=600)))
        assert world.time.now == seconds
        assert str(error) == "Timeout occurred polling for 'data'"

    run(scenario())


def annotated(kind: str, **notes: str) -> Object:
    noted = {"annotations": {f"pulumi.com/{key}": value for key, value in notes.items()}}
    return obj("apps/v1", kind, "web", metadata=noted, status={"phase": "Starting"})


def test_skip_await_asks_nothing() -> None:
    async def scenario() -> None:
        world, web = World(), annotated("Deployment", skipAwait="true", waitFor="condition=Never")
        world.api.failure = UnreachableError("nobody there")
        assert await awaiting.await_ready(world.context(web)) == web
        await awaiting.check_ready(world.context(web))
        await awaiting.await_deleted(world.context(web))
        assert world.log.told == ["Skipping await logic"]

    run(scenario())


def test_wait_for_goes_before_the_rules_of_the_kind() -> None:
    async def scenario() -> None:
        world, web = World(), annotated("Deployment", waitFor="jsonpath={.status.phase}=Done")
        world.api.put(web)
        world.time.at(7, lambda: world.api.put({**web, "status": {"phase": "Done"}}))
        await awaiting.await_ready(world.context(web))
        assert world.time.now == 7
        world.api.put(web)
        error = await failure(awaiting.await_ready(world.context(web, timeout=5)))
        assert str(error) == "timed out waiting for the condition"
        assert error.reasons == ('Waiting for {.status.phase}=Done (found "Starting")',)

    run(scenario())


def test_a_wait_for_that_is_not_understood_keeps_the_object() -> None:
    async def scenario() -> None:
        world, web = World(), annotated("Deployment", waitFor="Ready")
        error = await failure(awaiting.await_ready(world.context(web)))
        assert 'expected a "jsonpath=" or "condition=" prefix' in str(error)
        assert error.live == web

    run(scenario())


def test_a_refresh_judges_what_is_there_without_waiting() -> None:
    async def scenario() -> None:
        world, (web, replicas) = World(), starting()
        world.api.put(web, replicas)
        error = await failure(awaiting.check_ready(world.context(web)))
        assert str(error) == "Resource 'web' was created but failed to initialize"
        assert "Minimum number of live Pods was not attained" in error.reasons
        whole = served(web)
        world.api.put(*whole)
        world.api.lists.clear()
        await awaiting.check_ready(world.context(whole[0]))
        assert not world.api.watches
        assert Kind("", "v1", "Event") not in world.api.lists, "a healthy object costs no diagnosis"

    run(scenario())


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "ConfigMap"])
def test_a_refresh_leaves_other_kinds_alone(kind: str) -> None:
    world = World()
    run(awaiting.check_ready(world.context(obj("v1", kind, "data", status={"phase": "Pending"}))))
    assert not world.api.lists


def test_a_deletion_that_took_effect_at_once_needs_no_watch() -> None:
    world = World()
    run(awaiting.await_deleted(world.context(samples.service())))
    assert not world.api.watches


def test_a_deletion_waits_until_the_object_is_gone() -> None:
    async def scenario() -> None:
        world, web = World(), samples.service()
        leaving = {**web, "metadata": {**web["metadata"], "deletionTimestamp": samples.CREATED}}
        world.api.put(leaving)
        world.time.at(9, lambda: world.api.remove(leaving))
        await awaiting.await_deleted(world.context(web))
        assert world.time.now == 9
        assert world.log.told == ["Resource scheduled for deletion"]

    run(scenario())


def test_an_object_of_the_same_name_that_came_since_is_another() -> None:
    async def scenario() -> None:
        world, web = World(), samples.service()
        world.api.put({**web, "metadata": {**web["metadata"], "uid": "new"}})
        await awaiting.await_deleted(world.context(web))

    run(scenario())


def test_an_object_that_was_made_anew_since_the_state_was_written_is_waited_for() -> None:
    async def scenario() -> None:
        world, web = World(), samples.service()
        leaving = {**web, "metadata": {**web["metadata"], "uid": "new", "deletionTimestamp": samples.CREATED}}
        world.api.put(leaving)
        world.time.at(9, lambda: world.api.remove(leaving))
        await awaiting.await_deleted(world.context(web))
        assert world.time.now == 9

    run(scenario())


def test_a_deletion_held_up_names_the_finalizers() -> None:
    async def scenario() -> None:
        world, web = World(), samples.service()
        held = {**web, "metadata": {**web["metadata"], "finalizers": ["example.com/keep", "example.com/too"]}}
        world.api.put(held)
        error = await failure(awaiting.await_deleted(world.context(web, timeout=15)))
        assert world.time.now == 15
        assert str(error) == "timed out waiting for the condition"
        assert error.reasons == (
            "finalizers might be preventing deletion (example.com/keep, example.com/too)",
        )
        assert world.log.kept == [f"warning: {error.reasons[0]}"]

    run(scenario())


def test_a_namespace_that_does_not_go_tells_what_is_left_in_it() -> None:
    async def scenario() -> None:
        left = condition(
            "NamespaceContentRemaining", "True", "SomeResourcesRemain", "pods. has 1 resource instances"
        )
        world, shop = World(), obj("v1", "Namespace", "shop", status={"conditions": [left]})
        del shop["metadata"]["namespace"]
        world.api.put(shop)
        error = await failure(awaiting.await_deleted(world.context(shop, timeout=15)))
        assert error.reasons[-1] == "[SomeResourcesRemain] pods. has 1 resource instances"

    run(scenario())


def test_cancelling_ends_the_wait_for_a_deletion_at_once() -> None:
    async def scenario() -> None:
        world, web = World(), samples.service()
        world.api.put(web)
        world.time.at(4, world.cancelled.set)
        error = await failure(awaiting.await_deleted(world.context(web)))
        assert (world.time.now, str(error)) == (4, "context canceled")
        assert error.live is not None

    run(scenario())


def test_a_deletion_outlives_an_api_server_that_is_away_for_a_while() -> None:
    async def scenario() -> None:
        world, web = World(), samples.service()
        world.api.put(web)
        world.api.failure = UnreachableError("connection refused")

        def back() -> None:
            world.api.failure = None
            world.api.remove(web)

        world.time.at(30, back)
        await awaiting.await_deleted(world.context(web, timeout=40))
        assert "unexpected error while checking cluster state: connection refused" in world.log.told

    run(scenario())
