"""Privileges that pods gain: here, the users of their node."""

from typing import Any

import pytest

from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import Change, Op


def found(before: dict[str, Any], after: dict[str, Any]) -> set[tuple[Level, str]]:
    """Return the consequences of a Deployment whose pods change, without those of any restart."""
    old, new = (
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "template": {"spec": {"containers": [{"name": "web", "image": "web@sha256:1"}], **pod}},
            },
        }
        for pod in (before, after)
    )
    change = Change("urn::web", "kubernetes:apps/v1:Deployment", Op.UPDATE, "", old, new, {})
    reasons = consequences(Situation((change,)))
    return {(item.level, item.reason) for item in reasons if "replaces its 2 pods" not in item.reason}


@pytest.mark.parametrize(
    ("context", "level"), [({}, Level.DANGEROUS), ({"runAsNonRoot": True}, Level.ATTENTION)]
)
def test_pods_that_lose_their_user_namespace(context: dict[str, Any], level: Level) -> None:
    pod = {"securityContext": context}
    reason = "Deployment web shares the users of its node (no hostUsers: false)"
    for after in (pod, {**pod, "hostUsers": True}):
        assert (level, reason) in found({**pod, "hostUsers": False}, after)


def test_pods_that_gain_a_user_namespace_may_not_start() -> None:
    """Its volumes, the node's kernel and its runtime must support it."""
    assert {level for level, _ in found({}, {"hostUsers": False})} == {Level.ATTENTION}


@pytest.mark.parametrize("pod", [{"hostUsers": True}, {"hostNetwork": False, "hostPID": False}])
def test_defaults_that_are_written_out_change_nothing(pod: dict[str, Any]) -> None:
    assert not found({}, pod)
