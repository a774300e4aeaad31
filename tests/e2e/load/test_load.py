"""What happens in a cluster on its worst days drops no request; without the protection the same does."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import sqrt

import pytest

from tests.e2e.load.attack import Load, load
from tests.e2e.load.conftest import IDLE_RATE, NOTICED_S, RATE, REPLICAS, TIMES, VERSIONS, Figures, Service
from tests.e2e.processes import process_files
from tests.e2e.program.conftest import INSTANCE
from tests.e2e.sandbox.cluster import eventually
from tests.e2e.sandbox.killing import kill, powered_off

NODE_NOTICED_S = 40
"""Within this Kubernetes stops sending requests to a node that has died: the sandbox's grace period is 20 s
(Kubernetes' own is 50), looked at every 5, and the other nodes' proxies have to hear of it. 17 to 34 s were
measured. A port from which a pod was asked that did not answer leads there again for 120 s: kube-proxy leaves
that to the kernel (nf_conntrack_tcp_timeout_syn_sent), so a few requests more may fail."""


def new_version(service: Service, versions: list[str], number: int) -> None:
    service.run_version(versions[number + 1])


def rollback(service: Service, versions: list[str], number: int) -> None:
    runs = service.succeed("config", "get", "image").strip()
    service.run_version(versions[1] if runs == versions[0] else versions[0])
    assert service.changes() == []


def deleted_pod(service: Service, versions: list[str], number: int) -> None:
    service.kubectl("delete", service.pods()[0], "--wait")
    service.kubectl("rollout", "status", "deployment/web", "--timeout=60s")


def drained_node(service: Service, versions: list[str], number: int) -> None:
    """Web and Redis leave the node of one of them, and it takes pods again.

    Redis has to wait for its node, where its volume is.
    """
    node = service.node_of(["pod/cache-0", service.pods()[0]][number % 2])
    which = ("--pod-selector=app.kubernetes.io/name in (web, cache)", "--delete-emptydir-data")
    try:
        service.kubectl("drain", node, *which, "--timeout=120s")
        service.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    finally:
        service.kubectl("uncordon", node)
    service.kubectl("rollout", "status", "statefulset/cache", "--timeout=60s")


EVENTS: dict[str, tuple[Callable[[Service, list[str], int], None], int]] = {
    "`pulumi up` of new versions": (new_version, VERSIONS),
    "a rollback": (rollback, 1),
    "a deleted pod": (deleted_pod, TIMES),
    "a drained node": (drained_node, TIMES),
}
"""What happens, and how many times to the service that is protected; to the control it happens once."""


@pytest.mark.parametrize("event", EVENTS)
def test_no_request_is_dropped(
    event: str, safe: Service, bare: Service, versions: list[str], figures: Figures
) -> None:
    happens, times = EVENTS[event]
    with load(safe.output("url"), RATE) as result:
        for number in range(times):
            happens(safe, versions, number)
    with load(bare.output("url"), RATE) as control:
        happens(bare, versions, 0)
    assert result.failed == 0, result
    assert control.failed > 0, control
    figures(event, result, control)


def test_a_redis_that_restarts_costs_no_request(safe: Service, figures: Figures) -> None:
    """The page is served without its count. The control requests /readyz, which depends on Redis."""
    url = safe.output("url")
    with load(url, RATE) as result, load(f"{url}/readyz", 5) as control:
        for _ in range(TIMES):
            safe.kubectl("delete", "pod", "cache-0", "--wait")
            safe.kubectl("rollout", "status", "statefulset/cache", "--timeout=60s")
            time.sleep(3)
    assert result.failed == 0, result
    assert control.failed > 0, control
    figures("a Redis restart", result, control)


def test_a_container_that_is_killed_costs_what_was_sent_to_it_until_that_is_noticed(
    safe: Service, bare: Service, figures: Figures
) -> None:
    result, control = _killed(safe, TIMES), _killed(bare, 1)
    allowed = NOTICED_S * RATE / REPLICAS
    assert result.failed <= allowed * TIMES, result
    assert control.failed > allowed, control
    figures("a container killed by -9", result, control)


def _killed(service: Service, times: int) -> Load:
    with load(service.output("url"), RATE) as result:
        for _ in range(times):
            pod = service.pods()[0]
            kill_container(service, pod)
            time.sleep(3)
            # Another takes its place: one that is killed again and again is started later each time.
            service.kubectl("delete", pod, "--wait")
            service.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
    return result


def kill_container(service: Service, pod: str) -> None:
    """Kill all its processes from the node, as the kernel does for want of memory."""
    status = json.loads(service.kubectl("get", pod, "--output=json"))["status"]["containerStatuses"][0]
    identity = status["containerID"].rpartition("/")[2]
    inside = [pid for pid, groups in process_files("cgroup").items() if identity in groups]
    assert inside, "processes are found by their control group, which is named after the container"
    kill(inside)


@pytest.mark.soak
def test_an_autoscaler_that_scales_out_and_in_drops_no_request(
    safe: Service, bare: Service, figures: Figures
) -> None:
    autoscale("true", safe, bare)
    url = safe.output("url")
    with load(url, RATE) as busy, load(bare.output("url"), RATE) as control:
        eventually("more pods than before", lambda: safe.ready() > REPLICAS, seconds=180)
        eventually("more pods of the control", lambda: bare.ready() > 1, seconds=180)
        time.sleep(5)
    with load(url, IDLE_RATE) as idle:
        eventually("as many pods as before", lambda: safe.ready() == REPLICAS, seconds=240)
    result = Load(busy.requests + idle.requests, busy.failures + idle.failures)
    assert result.failed == 0, result
    assert control.failed > 0, control
    figures("an autoscaler, out and in", result, control)
    autoscale("false", safe, bare)


def autoscale(whether: str, *services: Service) -> None:
    for service in services:
        service.succeed("config", "set", "autoscaled", whether)
    with ThreadPoolExecutor() as pool:
        list(pool.map(Service.up, services))


def test_a_node_without_power_costs_what_was_sent_to_it_until_that_is_noticed(
    safe: Service, bare: Service, figures: Figures
) -> None:
    eventually("the pods of the autoscaler have ended", lambda: len(bare.pods()) == 1, seconds=120)
    node = bare.node_of(bare.pods()[0])
    # The autoscaler may have left both pods on one node. Started together, they are spread.
    for replicas in (0, REPLICAS):
        safe.kubectl("scale", "deployment/web", f"--replicas={replicas}")
        eventually("as many pods", lambda: len(safe.pods()) == safe.ready() == replicas, seconds=120)  # noqa: B023 # called at once
    assert {safe.node_of(pod) == node for pod in safe.pods()} == {True, False}
    with load(safe.output("url"), RATE) as result, load(bare.output("url"), RATE) as control:
        with powered_off(INSTANCE, node):
            eventually("the node is missed", lambda: not bare.ready(), seconds=60)
            eventually("a pod on the other node", bare.ready, seconds=120)
            time.sleep(5)
        safe.kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=120s")
        safe.kubectl("rollout", "status", "deployment/web", "--timeout=120s")
    # kube-proxy draws a replica for each connection: the bound is 4 standard deviations above the mean.
    sent = NODE_NOTICED_S * RATE
    share = 1 / REPLICAS
    allowed = sent * share + 4 * sqrt(sent * share * (1 - share))
    assert result.failed <= allowed, result
    assert control.failed > result.failed, control
    figures("a node without power", result, control)
