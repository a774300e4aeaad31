"""The comparison of a stack's objects with the cluster."""

from typing import Any

from slipway.cluster.objects import StackObject, differing, fingerprint


def deployment(version: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "1", "resourceVersion": version},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}, "annotations": annotations or {}}}},
    }


KEY = ("Deployment", "shop", "web")


def is_same(live: dict[str, Any]) -> bool:
    item = StackObject("urn", "apps/v1", *KEY, manifest=deployment("1"))
    same = not list(differing([item], {KEY: live}))
    assert same == (fingerprint({KEY: deployment("1")}) == fingerprint({KEY: live}))
    return same


def test_rollout_restart() -> None:
    assert is_same(deployment("2", {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}))


def test_edit_by_hand() -> None:
    assert not is_same(deployment("2", {"prometheus.io/scrape": "true"}))
