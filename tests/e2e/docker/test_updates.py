"""Requests during updates of a stack on the Docker engine."""

from tests.conftest import SOAK
from tests.e2e.docker.conftest import AS_DEPLOYED, KEPT, PORT, TIMEOUT, DockerStack
from tests.e2e.load.attack import load

UPDATES = 10 if SOAK else 2
RATE = 25

pytestmark = TIMEOUT


def test_no_request_fails_during_updates(local: DockerStack) -> None:
    """Each update replaces the web container, of which there is one."""
    with local.changed(**AS_DEPLOYED), load(f"http://127.0.0.1:{PORT}/?format=text", RATE) as seen:
        for number in range(UPDATES):
            before = local.containers("web-1")
            cpu = {"resources": {"limits": {"cpu": f"{450 + number}m"}}}
            local.configure(build="app", redis=KEPT, web=cpu)
            local.succeed("up", "--yes", "--skip-preview")
            assert local.containers("web-1") != before
    assert seen.failed == 0, seen
