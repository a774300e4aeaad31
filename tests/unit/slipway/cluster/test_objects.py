"""The comparison of a stack's objects with the cluster."""

from typing import Any

import pytest

from slipway.cluster.objects import LiveObjects, StackObject, differing, fingerprint


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


@pytest.mark.parametrize(
    "annotation", ["deployment.kubernetes.io/revision", "field.cattle.io/publicEndpoints"]
)
def test_annotation_of_a_controller(annotation: str) -> None:
    live = deployment("2")
    live["metadata"]["annotations"] = {annotation: "2"}
    assert is_same(live)


@pytest.mark.parametrize("scaler", ["HorizontalPodAutoscaler", "ScaledObject"])
def test_replicas_of_an_autoscaler(scaler: str) -> None:
    """The number that an autoscaler sets does not change the fingerprint; another number does."""

    def objects(replicas: int, target: str) -> LiveObjects:
        scaled = deployment("1")
        scaled["spec"]["replicas"] = replicas
        spec = {"scaleTargetRef": {"name": target}}
        return {KEY: scaled, (scaler, "shop", "web"): {"metadata": {"name": "web"}, "spec": spec}}

    assert fingerprint(objects(2, "web")) == fingerprint(objects(5, "web"))
    assert fingerprint(objects(2, "other")) != fingerprint(objects(5, "other"))


def test_edit_by_hand() -> None:
    assert not is_same(deployment("2", {"prometheus.io/scrape": "true"}))
