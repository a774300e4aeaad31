"""What makes instances distinct."""

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
def test_a_name_that_could_not_name_a_namespace_is_refused(name: str) -> None:
    with pytest.raises(SandboxError, match="SANDBOX_NAME"):
        instance(name)


@given(names)
def test_every_name_gives_addresses_that_do_not_overlap(name: str) -> None:
    it = instance(name)
    ranges = [ipaddress.IPv4Network(cidr) for cidr in (it.lan, it.pod_cidr, it.service_cidr)]
    assert not any(a.overlaps(b) for a in ranges for b in ranges if a is not b)
    assert all(
        ipaddress.IPv4Network(it.node_pod_cidr(node)).subnet_of(ipaddress.IPv4Network(it.pod_cidr))
        for node in NODES
    )
    assert all(ipaddress.ip_address(ip) in ranges[0] for ip in (it.host_ip, it.control_ip))


@given(names)
def test_link_names_fit_into_what_linux_allows(name: str) -> None:
    assert len(instance(name).host_link) <= 15


@given(names.filter(lambda name: name != "sandbox"))
def test_no_other_name_takes_the_default_instances_addresses(name: str) -> None:
    default, other = instance(), instance(name)
    assert (default.lan, default.registry) != (other.lan, other.registry)
    assert not ipaddress.ip_network(default.pod_cidr).overlaps(ipaddress.ip_network(other.pod_cidr))


def test_environment_variables_choose_name_and_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_NAME", "second")
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert Instance.from_environment().state == Path("/elsewhere/slipway/second")
