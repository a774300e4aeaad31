"""The traffic that network policies allow, as edges and lines of the picture."""

from typing import Any

import pytest

from tests.unit.slipway.preview.kubernetes_objects import accepting, changed, named, pods, policy, service

BOTH = [pods("web"), pods("redis")]


def test_allowed_peers_are_edges() -> None:
    before, after = accepting("redis"), accepting("redis", named("web"))
    opened = changed([*BOTH, before], [*BOTH, after])
    assert {"+ web > redis 5000", "- accepts from anyone on 5000"} <= opened


def test_an_edge_needs_both_directions() -> None:
    server = accepting("redis", named("web"))
    closed = policy("web", policyTypes=["Egress"], egress=[])
    assert "- web > redis 5000" in changed([*BOTH, server], [*BOTH, server, closed])


def test_an_edge_needs_a_common_port() -> None:
    server = accepting("redis", named("web"))
    client = policy("web", policyTypes=["Egress"], egress=[{"to": [named("redis")], "ports": [{"port": 1}]}])
    assert "- web > redis 5000" in changed([*BOTH, server], [*BOTH, server, client])


def test_a_named_port_is_that_of_the_container() -> None:
    server = accepting("redis", named("web"), port="http")
    client = policy(
        "web", policyTypes=["Egress"], egress=[{"to": [named("redis")], "ports": [{"port": 5000}]}]
    )
    assert "- may reach anyone" in changed([*BOTH, server], [*BOTH, server, client])
    assert "- web > redis 5000" not in changed([*BOTH, server], [*BOTH, server, client])


@pytest.mark.parametrize(
    ("ports", "kept"), [({}, True), ({"protocol": "UDP"}, False), ({"port": 4999, "endPort": 5001}, True)]
)
def test_all_ports_of_a_protocol_and_ranges_have_common_ports(ports: dict[str, Any], kept: bool) -> None:
    server = accepting("redis", named("web"))
    client = policy("web", policyTypes=["Egress"], egress=[{"to": [named("redis")], "ports": [ports]}])
    edges = {text for text in changed([*BOTH, server], [*BOTH, server, client]) if "web > redis" in text}
    assert edges == (set() if kept else {"- web > redis 5000"})


def test_another_port() -> None:
    before, after = (accepting("redis", named("web"), port=port) for port in (5000, 5001))
    assert changed([*BOTH, before], [*BOTH, after]) == {"~ web > redis 5000 → 5001"}


def test_peers_outside_of_the_stack_are_nodes() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"team": "shop"}}}
    before, after = accepting("redis", named("web")), accepting("redis", named("web"), peer)
    opened = changed([*BOTH, before], [*BOTH, after])
    assert opened == {"+ namespaces team=shop", "+ team=shop > redis 5000"}


def test_a_policy_for_many_pods_is_a_line_of_text() -> None:
    many = [pods(f"w{number}") for number in range(20)]
    for item in many:
        item["spec"]["template"]["metadata"]["labels"]["part"] = "shop"
    peer = {"podSelector": {"matchLabels": {"part": "shop"}}}
    opened = changed(
        [*many, pods("redis"), accepting("redis")], [*many, pods("redis"), accepting("redis", peer)]
    )
    assert opened == {
        "~ Deployment redis",
        "- accepts from anyone on 5000",
        "+ accepts from pods with part=shop on 5000",
    }


@pytest.mark.parametrize("selector", [{}, {"matchLabels": {}}])
def test_whole_namespaces(selector: dict[str, Any]) -> None:
    opened = accepting("redis", {"podSelector": selector})
    assert "+ accepts from all pods of its namespace on 5000" in changed(
        [*BOTH, accepting("redis", named("x"))], [*BOTH, opened]
    )


def test_no_policy() -> None:
    opened = changed([pods(), service(), accepting("web", named("x"))], [pods(), service()])
    assert opened == {"~ Deployment web", "+ accepts from anyone"}


def test_dns() -> None:
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 53}]
    dns = policy("web", policyTypes=["Egress"], egress=[{"to": [named("dns")], "ports": ports}])
    closed = policy("web", policyTypes=["Egress"], egress=[])
    lost = changed([pods(), service(), dns], [pods(), service(), closed])
    assert lost == {"~ Deployment web", "- may reach DNS"}
