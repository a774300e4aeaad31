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
