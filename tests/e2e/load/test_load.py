"""What happens in a cluster on its worst days drops no request; without the protection the same does."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import SOAK
from tests.e2e.load.attack import Load, load
from tests.e2e.load.conftest import RATE, Figures, Service
from tests.e2e.sandbox.cluster import eventually

TIMES = 5 if SOAK else 1
NOTICED_S = 5
"""Within this Kubernetes stops sending requests to a container that has died: its node's kubelet looks every
second, and the nodes' proxies hear of it through the API server. One that is killed cannot serve on."""


def new_versions(service: Service, versions: list[str]) -> None:
    for image in versions[1:]:
        service.run_version(image)


def rollback(service: Service, versions: list[str]) -> None:
    service.run_version(versions[0])
    assert service.changes() == []


def deleted_pods(service: Service, versions: list[str]) -> None:
    for _ in range(TIMES):
        service.kubectl("delete", service.pods()[0], "--wait")
        service.kubectl("rollout", "status", "deployment/web", "--timeout=60s")


def drained_node(service: Service, versions: list[str]) -> None:
    """All pods leave the node of one of them, and it takes pods again."""
    for _ in range(TIMES):
        node = service.kubectl("get", service.pods()[0], "--output=jsonpath={.spec.nodeName}")
        which = ("--pod-selector=app.kubernetes.io/name=web", "--delete-emptydir-data", "--timeout=120s")
        try:
            service.kubectl("drain", node, *which)
            service.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
        finally:
            service.kubectl("uncordon", node)


EVENTS: dict[str, Callable[[Service, list[str]], None]] = {
    "`pulumi up` of new versions": new_versions,
    "a rollback": rollback,
    "a deleted pod": deleted_pods,
    "a drained node": drained_node,
}


@pytest.mark.parametrize("event", EVENTS)
def test_no_request_is_dropped(
    event: str, safe: Service, bare: Service, versions: list[str], figures: Figures
) -> None:
    with load(safe.output("url"), RATE) as seen:
        EVENTS[event](safe, versions)
    with load(bare.output("url"), RATE) as control:
        EVENTS[event](bare, versions[:2])
    figures(event, seen, control)
    assert seen.requests > 5 * RATE
    assert seen.failed == 0, seen
    assert control.failed > 0, control


def test_a_redis_that_restarts_costs_no_request(safe: Service, figures: Figures) -> None:
    """The page is served without its count. The control asks what tells the truth about Redis."""
    url = safe.output("url")
    with load(url, RATE) as seen, load(f"{url}/readyz", 5) as control:
        for _ in range(TIMES):
            safe.kubectl("delete", "pod", "cache-0", "--wait")
            safe.kubectl("rollout", "status", "statefulset/cache", "--timeout=60s")
            time.sleep(3)
    figures("a Redis restart", seen, control)
    assert seen.failed == 0, seen
    assert control.failed > 0, control


def test_a_container_that_is_killed_costs_what_was_sent_to_it_until_that_is_noticed(
    safe: Service, bare: Service, figures: Figures
) -> None:
    seen, control = (_killed(service) for service in (safe, bare))
    figures("a container killed by -9", seen, control)
    pods = 2
    assert 0 < seen.failed <= NOTICED_S * RATE * TIMES / pods, seen
    assert control.failed > 0, control


def _killed(service: Service) -> Load:
    with load(service.output("url"), RATE) as seen:
        for _ in range(TIMES):
            kill_container(service, service.pods()[0])
            service.kubectl("rollout", "status", "deployment/web", "--timeout=60s")
            time.sleep(3)
    return seen


def kill_container(service: Service, pod: str) -> None:
    """Kill all its processes from the node, as the kernel does for want of memory."""
    status = json.loads(service.kubectl("get", pod, "--output=json"))["status"]["containerStatuses"][0]
    identity = status["containerID"].rpartition("/")[2]
    inside = [path for path in Path("/proc").glob("[0-9]*/cgroup") if identity in _text(path)]
    assert inside, "processes are found by their control group, which is named after the container"
    for path in inside:
        os.kill(int(path.parent.name), signal.SIGKILL)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # the process has ended meanwhile


def test_an_autoscaler_that_scales_out_and_in_drops_no_request(
    safe: Service, bare: Service, figures: Figures
) -> None:
    seen, control = _scaled(safe, 2), _scaled(bare, 1)
    figures("an autoscaler, out and in", seen, control)
    assert seen.failed == 0, seen
    assert control.failed > 0, control


def _scaled(service: Service, least: int) -> Load:
    service.succeed("config", "set", "autoscaled", "true")
    service.up()
    url = service.output("url")
    with load(url, RATE) as busy:
        eventually("more pods than before", lambda: service.ready() > least, seconds=180)
        time.sleep(5)
    with load(url, RATE // 10) as idle:
        eventually("as many pods as before", lambda: service.ready() == least, seconds=240)
    return Load(busy.requests + idle.requests, busy.failures + idle.failures)
