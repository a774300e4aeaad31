"""Supervisord, and the processes that it keeps alive."""

import configparser
import http.client
import resource
import xmlrpc.client
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.platform.instance import Instance
from sandbox.platform.processes import Supervisor


@pytest.mark.parametrize(("hard", "soft"), [(20_000, 20_000), (1_073_741_816, 65_536)])
def test_a_huge_limit_of_open_files_does_not_delay_each_start(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, hard: int, soft: int
) -> None:
    """Supervisord closes as many files, one by one, before it starts a process."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, hard))
    Supervisor(instance).configure(())
    assert int(_configuration(instance)["supervisord"]["minfds"]) == soft


def _configuration(instance: Instance) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read(Path(instance.etc, "supervisord.conf"))
    return parser


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), http.client.BadStatusLine(""), xmlrpc.client.Fault(6, "SHUTDOWN_STATE")]
)
def test_a_supervisord_that_ends_meanwhile_has_no_processes(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    ending = SimpleNamespace(getState=lambda: {"statename": "RUNNING"}, getAllProcessInfo=fail)
    monkeypatch.setattr(Supervisor, "_rpc", ending)
    assert Supervisor(instance).processes() == []
