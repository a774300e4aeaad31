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
