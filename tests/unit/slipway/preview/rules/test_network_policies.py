"""Traffic that network policies allow and forbid, by peer, port and protocol, before and after."""

from typing import Any

import pytest

from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.preview.rules.network_policies import port_covers, port_text
from slipway.pulumi.changes import Change, Op

TCP, UDP = {"protocol": "TCP"}, {"protocol": "UDP"}
IPV4, IPV6 = ({"ipBlock": {"cidr": cidr}} for cidr in ("0.0.0.0/0", "::/0"))
CLOSED: dict[str, Any] = {"podSelector": {}, "policyTypes": ["Ingress"]}


def policy(*, called: str = "web", **spec: Any) -> dict[str, Any]:
    selected = {"podSelector": {"matchLabels": {"app": "web"}}, **spec}
    metadata = {"name": called, "namespace": "shop"}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata,
        "spec": selected,
    }


def pods(**labels: str) -> dict[str, Any]:
    container = {"name": "web", "image": "web@sha256:1", "readinessProbe": {"tcpSocket": {"port": 80}}}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    metadata = {"name": "web", "namespace": "shop"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {"replicas": 2, "template": template},
    }


def change(old: dict[str, Any], new: dict[str, Any] | None = None) -> Change:
    new = old if new is None else new
    name = f"{old['kind']}-{old['metadata']['name']}"
    op = Op.SAME if new == old else Op.UPDATE
    return Change(f"urn::{name}", f"kubernetes:x:{old['kind']}", op, "", old, new, {})


def report(*changes: Change) -> list[Consequence]:
    different = tuple(item for item in changes if item.op is not Op.SAME)
    same = tuple(item for item in changes if item.op is Op.SAME)
    return list(consequences(Situation(different, same)))


def reasons(found: list[Consequence]) -> set[tuple[Level, str]]:
    return {(item.level, item.reason) for item in found}


def rules(direction: str, before: list[Any], after: list[Any]) -> set[tuple[Level, str]]:
    """Return what a report says about other rules of the policy for the pods of a Deployment."""
    key = direction.lower()
    specs: list[dict[str, Any]] = [{"policyTypes": [direction], key: entries} for entries in (before, after)]
    old, new = (policy(**spec) for spec in specs)
    found = report(change(pods(app="web")), change(old, new))
    return {(level, reason) for level, reason in reasons(found) if reason.startswith("Deployment")}


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (None, ""),
        ({}, "TCP"),
        (TCP, "TCP"),
        (UDP, "UDP"),
        ({"port": 53, **UDP}, "53/UDP"),
        ({"port": 80, "endPort": 90}, "80-90"),
        ({"port": "http"}, "http"),
    ],
)
def test_ports_without_a_number_are_those_of_one_protocol(entry: Any, text: str) -> None:
    assert port_text(entry) == text


@pytest.mark.parametrize(
    ("outer", "inner", "covers"),
    [
        ("", "UDP", True),
        ("TCP", "", False),
        ("TCP", "80", True),
        ("TCP", "http", True),
        ("TCP", "53/UDP", False),
        ("UDP", "53/UDP", True),
        ("80", "TCP", False),
        ("80-90", "85", True),
        ("80-90", "80-85", True),
        ("80-90", "90-91", False),
        ("80-90", "85/UDP", False),
        ("http-web", "http-web", True),
        ("80-90", "http", False),
    ],
)
def test_a_port_covers_others_of_its_protocol(outer: str, inner: str, covers: bool) -> None:
    assert port_covers(outer, inner) is covers


def test_egress_by_tcp_alone_blocks_dns() -> None:
    blocked = "Deployment web can no longer reach anyone on every port: that traffic is blocked"
    found = rules("Egress", [{}], [{"ports": [TCP]}])
    assert (Level.DANGEROUS, blocked) in found
    assert not rules("Egress", [{"ports": [TCP]}], [{"ports": [{}]}])


def test_ingress_by_every_protocol_opens_udp() -> None:
    opened = "Deployment web can now be reached by anyone on every port"
    assert (Level.DANGEROUS, opened) in rules("Ingress", [{"ports": [TCP]}], [{}])


def test_a_wider_range_of_ports_blocks_nothing() -> None:
    found = rules("Egress", [{"ports": [{"port": 80}]}], [{"ports": [{"port": 80, "endPort": 90}]}])
    assert found == {(Level.ATTENTION, "Deployment web can now reach anyone on port 80-90")}


def test_everyone_over_ipv4_is_not_everyone() -> None:
    only_ipv4, both = [{"from": [IPV4]}], [{"from": [IPV4, IPV6]}]
    opened = (Level.ATTENTION, "Deployment web can now be reached by anyone over IPv6 on every port")
    assert rules("Ingress", only_ipv4, both) == {opened}
    assert rules("Ingress", only_ipv4, [{}]) == {opened}
    assert not rules("Ingress", [{}], both)


@pytest.mark.parametrize(("direction", "key"), [("Ingress", "from"), ("Egress", "to")])
def test_everyone_over_ipv4_who_stays_makes_the_loss_of_ipv6_less_than_a_danger(
    direction: str, key: str
) -> None:
    port, other = ({"ports": [{"port": number}]} for number in (80, 81))

    def levels(before: list[Any], after: list[Any]) -> dict[Level, bool]:
        """Return the levels of what is lost, each with whether that is anyone over IPv6."""
        found = rules(direction, before, after)
        return {level: "anyone over IPv6 on" in reason for level, reason in found if "no longer" in reason}

    only_ipv4, only_ipv6 = [{key: [IPV4]}], [{key: [IPV6]}]
    assert levels([{}], only_ipv4) == {Level.ATTENTION: True}
    assert levels([port], [{key: [IPV4], **port}]) == {Level.ATTENTION: True}
    assert levels([port], only_ipv4) == {Level.ATTENTION: True}
    assert levels([{}], [{key: [IPV4], **port}]) == {Level.DANGEROUS: False}
    assert levels([port], [{key: [IPV4], **other}]) == {Level.DANGEROUS: False}
    assert levels([{}], only_ipv6) == {Level.DANGEROUS: False}
    assert levels(only_ipv6, only_ipv4) == {Level.DANGEROUS: True}


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([], "can be reached by anyone: no NetworkPolicy restricts it any longer"),
        (
            [policy(called="closed", **CLOSED)],
            "can no longer be reached by anyone on port 80: that traffic is blocked",
        ),
    ],
)
def test_a_policy_does_not_wait_for_the_pods_with_its_new_label(
    others: list[dict[str, Any]], reason: str
) -> None:
    ingress: dict[str, Any] = {"policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 80}]}]}
    moved = policy(podSelector={"matchLabels": {"name": "web"}}, **ingress)
    policies = change(policy(**ingress), moved), *map(change, others)
    found = report(change(pods(app="web"), pods(name="web")), *policies)
    expected = f"Deployment web, until its pods are replaced, {reason}"
    assert (Level.DANGEROUS, expected) in reasons(found)
    kept = report(change(pods(app="web"), pods(app="web", name="web")), *map(change, [policy(**ingress)]))
    assert not [item for item in kept if item.level is Level.DANGEROUS]
