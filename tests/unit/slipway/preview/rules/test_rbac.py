"""Accounts that pods run as."""

from typing import Any

from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import Change, Op


def account(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


def test_an_account_under_another_name_leaves_no_pods_behind() -> None:
    pod = {"serviceAccountName": "a", "containers": [{"name": "web", "image": "web@sha256:1"}]}
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"spec": pod}},
    }
    renamed = Change("urn::a", "kubernetes:x:ServiceAccount", Op.REPLACE, "", account("a"), account("b"), {})
    same = Change("urn::web", "kubernetes:x:Deployment", Op.SAME, "", web, web, {})
    reason = "ServiceAccount a is deleted, but Deployment web still uses it: new pods cannot start"
    found = consequences(Situation((renamed,), (same,)))
    assert (Level.DANGEROUS, reason) in [(item.level, item.reason) for item in found]


def test_paths_of_the_api_server_are_no_resources() -> None:
    old, new = (
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "reader"},
            "rules": [{"verbs": ["get"], **rule}],
        }
        for rule in ({"apiGroups": [""], "resources": ["*"]}, {"nonResourceURLs": ["*"]})
    )
    change = Change("urn::reader", "kubernetes:x:ClusterRole", Op.UPDATE, "", old, new, {})
    reasons = [item.reason for item in consequences(Situation((change,)))]
    assert reasons == [
        "ClusterRole reader newly grants: get *",
        "ClusterRole reader no longer grants: get *",
    ]
