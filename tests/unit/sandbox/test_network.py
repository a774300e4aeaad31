"""The network of an instance, and of others that share its slot."""

import json
from pathlib import Path

import pytest

from sandbox.platform import environment, network, processes
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


@pytest.fixture
def proxied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """An instance on a machine with a proxy for other servers."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "intranet.example, .corp")
    monkeypatch.delenv("no_proxy", raising=False)
    return Instance("test", tmp_path, tmp_path)


def test_a_proxy_is_not_asked_for_the_addresses_of_the_sandbox(proxied: Instance) -> None:
    variables = network.unproxied(proxied)
    assert variables["NO_PROXY"] == variables["no_proxy"]
    direct = variables["NO_PROXY"].split(",")
    assert direct[:2] == ["intranet.example", ".corp"], "the user's own stay"
    assert {"localhost", proxied.control_ip, proxied.pod_cidr, proxied.service_cidr} <= set(direct)


def test_a_second_eval_repeats_nothing(proxied: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    once = network.unproxied(proxied)
    for name, value in once.items():
        monkeypatch.setenv(name, value)
    assert network.unproxied(proxied) == once


def test_without_a_proxy_nothing_is_different(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in network._PROXIES:
        monkeypatch.delenv(name, raising=False)
    assert network.unproxied(Instance("test", tmp_path, tmp_path)) == {}


def test_programs_that_use_the_sandbox_and_its_processes_ask_no_proxy(
    proxied: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = network.unproxied(proxied)
    assert expected.items() <= environment.variables(proxied).items()
    started: list[dict[str, str]] = []
    monkeypatch.setattr(processes, "run", lambda *_, env=None: started.append(env or {}))
    monkeypatch.setattr(processes, "wait", lambda *_: None)
    processes.Supervisor(proxied).ensure()
    [variables] = started
    assert expected.items() <= variables.items()
    assert variables["HTTPS_PROXY"], "downloads need it"
