"""The names and addresses of an instance."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.platform.instance import NODES, Instance, SandboxError

names = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


def instance(name: str = "sandbox") -> Instance:
    return Instance(name, Path("/state"), Path("/cache"))


@pytest.mark.parametrize("name", ["", "Sandbox", "a b", "../x", "1a", "a" * 32, "-a"])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(SandboxError, match="SANDBOX_NAME"):
        instance(name)


@given(names)
def test_the_networks_of_an_instance_do_not_overlap(name: str) -> None:
    sandbox = instance(name)
    cidrs = (sandbox.lan, sandbox.pod_cidr, sandbox.service_cidr, sandbox.container_cidr)
    ranges = [ipaddress.IPv4Network(cidr) for cidr in cidrs]
    assert not any(a.overlaps(b) for a in ranges for b in ranges if a is not b)
    assert all(ipaddress.IPv4Network(sandbox.node_pod_cidr(node)).subnet_of(ranges[1]) for node in NODES)
    assert all(
        ipaddress.ip_address(ip) in ranges[0]
        for ip in (sandbox.host_ip, sandbox.control_ip, sandbox.docker_ip)
    )


@given(names)
def test_the_names_of_links_are_short_enough_for_linux(name: str) -> None:
    assert len(instance(name).host_link) <= 15


@given(names.filter(lambda name: name != "sandbox"))
def test_no_other_instance_has_the_addresses_of_the_default_one(name: str) -> None:
    default, other = instance(), instance(name)
    assert (default.lan, default.registry) != (other.lan, other.registry)
    assert not ipaddress.ip_network(default.pod_cidr).overlaps(ipaddress.ip_network(other.pod_cidr))


def test_environment_variables_select_the_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_NAME", "second")
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert Instance.from_environment().state == Path("/elsewhere/slipway/second")
