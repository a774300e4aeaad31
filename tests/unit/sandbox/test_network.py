"""The network of an instance, and of others that share its slot."""

import json
from pathlib import Path

import pytest

from sandbox.platform import network
from sandbox.platform.instance import Instance


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the commands that change a host whose links and namespaces are simulated."""
    recorded: list[str] = []

    def run(*argv: str, stdin: str | None = None) -> str:
        if "-json" in argv:
            return json.dumps([{"ifname": Instance("test", tmp_path, tmp_path).host_link}])
        recorded.append(" ".join(argv))
        return ""

    monkeypatch.setattr(network, "run", run)
    monkeypatch.setattr(network, "NAMESPACES", tmp_path)
    return recorded


def test_down_deletes_the_link_and_the_namespaces(commands: list[str], tmp_path: Path) -> None:
    instance = Instance("test", tmp_path, tmp_path)
    (tmp_path / instance.control_netns).touch()
    network.remove(instance)
    assert commands == [f"ip link delete {instance.host_link}", f"ip netns delete {instance.control_netns}"]


def test_down_keeps_the_link_of_another_instance_with_the_same_slot(
    commands: list[str], tmp_path: Path
) -> None:
    network.remove(Instance("test", tmp_path, tmp_path))
    assert commands == []


@pytest.mark.parametrize(("docker", "count"), [(False, 0), (True, 1)])
def test_addresses_of_containers_need_to_be_free_for_an_engine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: bool, count: int
) -> None:
    instance = Instance("test", tmp_path, tmp_path)
    routes = json.dumps([{"dst": instance.container_cidr, "dev": "vpn0"}])
    monkeypatch.setattr(network, "run", lambda *_: routes)
    assert len(network.overlaps(instance, docker)) == count


ROUTES = {
    "a VPN's half of all addresses": ({"dst": "0.0.0.0/1", "gateway": "192.168.7.1", "dev": "tun0"}, None),
    "a VPN for all private addresses": ({"dst": "10.0.0.0/8", "dev": "tun0"}, None),
    "the sandbox's own": ({"dst": "10.192.0.0/24", "dev": "slipway0"}, None),
    "the same addresses": ({"dst": "10.64.0.0/16", "dev": "tun0"}, "10.64.0.0/16 dev tun0"),
    "a part": ({"dst": "10.192.0.7", "dev": "tun0"}, "10.192.0.7 dev tun0"),
    "a gateway": ({"dst": "default", "gateway": "10.128.0.1", "dev": "eth0"}, "default dev eth0"),
    "the host's address": (
        {"dst": "10.0.0.0/8", "prefsrc": "10.64.3.4", "dev": "eth0"},
        "10.0.0.0/8 dev eth0",
    ),
    "a blackhole": ({"type": "blackhole", "dst": "10.64.0.0/16"}, "blackhole 10.64.0.0/16"),
    "an unreachable network elsewhere": ({"type": "unreachable", "dst": "172.16.0.0/12"}, None),
    "several paths": (
        {"dst": "10.64.1.0/24", "nexthops": [{"dev": "eth0"}, {"dev": "eth1"}]},
        "10.64.1.0/24 dev eth0 dev eth1",
    ),
}


@pytest.mark.parametrize("kind", ROUTES)
def test_only_routes_that_the_sandbox_would_break_overlap(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    route, overlap = ROUTES[kind]
    monkeypatch.setattr(network, "run", lambda *_: json.dumps([route]))
    found = network.overlaps(Instance("sandbox", tmp_path, tmp_path), docker=False)
    assert found == ([overlap] if overlap else [])
