"""The status of an instance."""

import io
import json
import socket

import pytest
from rich.console import Console

from sandbox import status
from sandbox.platform import readiness
from sandbox.platform.instance import Instance
from sandbox.platform.processes import Process, Supervisor


@pytest.fixture
def running(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance whose cluster is ready."""
    monkeypatch.setattr(Supervisor, "processes", lambda _: [Process("etcd", "RUNNING", 0, 1, 0)])
    monkeypatch.setattr(readiness, "unready", lambda *_: [])
    monkeypatch.setattr(readiness, "system_pods", lambda _: set())
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        instance.registry_port = unused.getsockname()[1]
    return instance


def test_a_registry_that_does_not_serve_is_a_problem_of_a_whole_report(running: Instance) -> None:
    report = status.collect(running)
    [problem] = report.problems
    assert "the registry does not serve" in problem
    for process in ("registry", "registry-loopback"):
        assert f"`{running.command(f'logs {process}')}`" in problem
    assert json.loads(json.dumps(status.as_json(report)))["images"] == {}
    out = io.StringIO()
    status.show(report, Console(file=out, width=200))
    assert "etcd" in out.getvalue() and "the registry does not serve" in out.getvalue()
