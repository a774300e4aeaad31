"""What the pods of a database may do: in the API, and on the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi_kubernetes as k8s

from components.kubernetes.endpoint import Endpoint, to_dns
from components.kubernetes.postgres.options import PORT

REST_PORT = 8008
SERVER = {"app.kubernetes.io/component": "server"}
"""The label of the pods that have the data; those of Jobs lack it."""
API_PORTS = (443, 6443)


def member_rules(name: str, pods: Sequence[str]) -> list[k8s.rbac.v1.PolicyRuleArgsDict]:
    """Return the rights of Patroni: its own ConfigMaps, and the own pods by name.

    Rights to list, to watch and to create cannot be limited by name:
    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
    """
    own = [f"{name}-{part}" for part in ("config", "leader", "failover", "sync")]
    return [
        _rule("configmaps", ["list", "watch", "create"]),
        _rule("configmaps", ["get", "patch", "update"], own),
        _rule("pods", ["list", "watch"]),
        _rule("pods", ["get", "patch"], pods),
    ]


def job_rules(
    name: str, pods: Sequence[str], stateful_sets: Sequence[str]
) -> list[k8s.rbac.v1.PolicyRuleArgsDict]:
    """Return the rights of the Jobs: to restart the own pods, and to write the result of a drill."""
    return [
        _rule("pods", ["list"]),
        _rule("pods", ["get", "delete"], pods),
        _rule("statefulsets", ["get"], stateful_sets, group="apps"),
        _rule("configmaps", ["get", "patch", "update"], [f"{name}-drill"]),
    ]


def _rule(
    kind: str, verbs: Sequence[str], names: Sequence[str] = (), group: str = ""
) -> k8s.rbac.v1.PolicyRuleArgsDict:
    rule: k8s.rbac.v1.PolicyRuleArgsDict = {
        "api_groups": [group],
        "resources": [kind],
        "verbs": list(verbs),
    }
    if names:
        rule["resource_names"] = list(names)
    return rule


def network_policy(
    selector: Mapping[str, str], clients: Mapping[str, str], api_server: str, store: Endpoint | None
) -> k8s.networking.v1.NetworkPolicySpecArgsDict:
    """Return who reaches the pods, and what they reach: each other, names, the API server, the store."""
    own: k8s.networking.v1.NetworkPolicyPeerArgsDict = {"pod_selector": {"match_labels": dict(selector)}}
    members: list[k8s.networking.v1.NetworkPolicyPortArgsDict] = [
        {"port": port, "protocol": "TCP"} for port in (PORT, REST_PORT)
    ]
    api: k8s.networking.v1.NetworkPolicyEgressRuleArgsDict = {
        "to": [{"ip_block": {"cidr": api_server}}],
        "ports": [{"port": port, "protocol": "TCP"} for port in API_PORTS],
    }
    return {
        "pod_selector": {"match_labels": dict(selector)},
        "policy_types": ["Ingress", "Egress"],
        "ingress": [
            {
                "from_": [{"pod_selector": {"match_labels": dict(clients)}}],
                "ports": [{"port": PORT, "protocol": "TCP"}],
            },
            {"from_": [own], "ports": members},
        ],
        "egress": [*to_dns(), {"to": [own], "ports": members}, api, *([store.egress] if store else [])],
    }
