"""Requests during updates of a stack on the Docker engine; the long form does the same with Compose."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import SOAK
from tests.e2e import soak
from tests.e2e.docker.conftest import (
    AS_DEPLOYED,
    COMPOSE_PORT,
    KEPT,
    PORT,
    TIMEOUT,
    Composed,
    DockerStack,
)
from tests.e2e.load.attack import Load, load

REQUESTS, UPDATES = (5000, 10) if SOAK else (200, 2)
RATE = 25

pytestmark = TIMEOUT


@pytest.fixture(scope="module")
def figures() -> Iterator[dict[str, Load]]:
    """The loads by command; `make soak` writes the figures."""
    loads: dict[str, Load] = {}
    yield loads
    if SOAK:
        introduction = f"{UPDATES} updates each, at {RATE} requests a second."
        rows = [[f"`{name}`", f"{seen.requests:,}", str(seen.failed)] for name, seen in loads.items()]
        soak.write("docker", introduction, [["Updated by", "Requests", "Failed"], *rows])


def under_load(port: int, update: Callable[[int], None]) -> Load:
    """Run the updates under a steady load, spread over the time that the requests take."""
    with load(f"http://127.0.0.1:{port}/?format=text", RATE) as seen:
        begun = time.monotonic()
        for number in range(1, UPDATES + 1):
            update(number)
            time.sleep(max(0, begun + number * REQUESTS / UPDATES / RATE - time.monotonic()))
    return seen


def test_no_request_fails_during_updates(local: DockerStack, figures: dict[str, Load]) -> None:
    """Each update replaces the web container, of which there is one."""

    def update(number: int) -> None:
        before = local.containers("web-1")
        local.configure(build="app", redis=KEPT, web={"resources": {"limits": {"cpu": f"{450 + number}m"}}})
        local.succeed("up", "--yes", "--skip-preview")
        assert local.containers("web-1") != before

    with local.changed(**AS_DEPLOYED):
        seen = figures["pulumi up --stack local"] = under_load(PORT, update)
    assert seen.failed == 0, seen


@pytest.mark.soak
def test_updates_by_compose_fail_requests(composed: Composed, figures: dict[str, Load]) -> None:
    """The control: Compose stops the old container before it starts the new one."""
    seen = under_load(COMPOSE_PORT, lambda number: composed.up(APP_VERSION=str(number)))
    figures["docker compose up --detach --wait"] = seen
    assert seen.failed > 0, seen
