"""The parts of the platform that are not ready."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from sandbox.platform import readiness
from sandbox.platform.instance import Instance


def unready(instance: Instance) -> list[str]:
    return readiness.unready(instance, ())


def stale(instance: Instance) -> list[str]:
    return readiness.stale(instance, datetime.now(UTC))


@pytest.mark.parametrize("question", [readiness.api_unready, unready, stale])
@pytest.mark.parametrize(
    "error", [httpx.ConnectError("refused"), httpx.ReadTimeout("slow"), OSError("no key")]
)
def test_an_api_server_that_restarts_is_a_problem_and_no_traceback(
    question: Callable[[Instance], list[str]],
    error: Exception,
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: object) -> httpx.Response:
        raise error

    def client(_: Instance) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(fail), base_url="https://api")

    monkeypatch.setattr(readiness, "client", client)
    [problem] = question(instance)
    assert "API server" in problem
