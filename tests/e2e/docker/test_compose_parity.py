"""`app/compose.yaml` and the local stack describe the same containers, by what the engine says of both."""

import json
from typing import Any

import pytest

from tests.e2e.docker.conftest import TIMEOUT, Composed, DockerStack

pytestmark = TIMEOUT

CONFIG = ("Cmd", "WorkingDir", "StopTimeout", "Image")
HOST = (
    "Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "ReadonlyRootfs", "Privileged",
    "CapAdd", "CapDrop", "SecurityOpt", "Tmpfs", "RestartPolicy", "PidMode", "IpcMode", "UTSMode",
)  # fmt: skip
HEALTH = ("Interval", "Timeout", "StartPeriod", "Retries")
CHANGED = {
    ("web", "Image"): "Compose names its image, the stack the id of an image by digest",
    ("redis", "Image"): "Compose names its image, the stack the id of it",
}
"""The fields that differ, and why. Names, addresses and labels are each runtime's own and not compared."""


def fields(container: dict[str, Any]) -> dict[str, Any]:
    """Return what both must agree on."""
    config, host = container["Config"], container["HostConfig"]
    return {
        **{key: config.get(key) or None for key in CONFIG},
        **{key: host.get(key) or None for key in HOST},
        **{key: config["Healthcheck"][key] for key in HEALTH},
        "Variables": {entry.partition("=")[0] for entry in config["Env"]},
        "Volumes": sorted(mount["Destination"] for mount in container["Mounts"] if mount["Type"] == "volume"),
        "Networks": len(container["NetworkSettings"]["Networks"]),
    }


@pytest.fixture
def pairs(local: DockerStack, composed: Composed) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Both containers of each service: the stack's, and Compose's."""
    ours = {"web": local.inspect("web-1"), "redis": local.inspect(f"{local.namespace}-cache$")}
    return {service: (one, _composed(local, composed.name, service)) for service, one in ours.items()}


def _composed(local: DockerStack, project: str, service: str) -> dict[str, Any]:
    [found] = json.loads(local.docker("inspect", f"{project}-{service}-1"))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("service", ["web", "redis"])
def test_both_describe_the_same_container(
    pairs: dict[str, tuple[dict[str, Any], dict[str, Any]]], service: str
) -> None:
    ours, theirs = (fields(container) for container in pairs[service])
    different = {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]}
    assert {key: pair for key, pair in different.items() if (service, key) not in CHANGED} == {}


def test_both_publish_the_application_on_loopback_only(
    local: DockerStack, pairs: dict[str, tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    """The stack's proxy has the port, so that a new version can start next to the old one."""
    proxy = local.inspect(f"{local.namespace}-web$")["HostConfig"]["PortBindings"]
    theirs = pairs["web"][1]["HostConfig"]["PortBindings"]
    for bindings in (proxy, theirs):
        assert [port["HostIp"] for ports in bindings.values() for port in ports] == ["127.0.0.1"]


def test_both_give_redis_a_network_without_a_way_out(
    local: DockerStack, pairs: dict[str, tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    for container in pairs["redis"]:
        [network] = container["NetworkSettings"]["Networks"]
        assert local.docker("network", "inspect", "--format", "{{.Internal}}", network).strip() == "true"
