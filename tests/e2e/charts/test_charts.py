"""Charts, releases, manifests and kustomizations on the real engine and cluster, from up to destroy.

The tests run in the order of this file: the last ones update the stack, then destroy it.
"""

from typing import Any

import pytest

from tests.e2e.charts.charts import push
from tests.e2e.charts.conftest import HELM_SOURCES, INSTANCE, SOURCES, Stack, deployment_of, values

CHART = "charts/cache/Chart.yaml"
PLAIN_SOURCES = [source for source in SOURCES if source != "release"]


@pytest.mark.parametrize("source", SOURCES)
def test_up_deploys_what_the_source_describes(deployed: Stack, source: str) -> None:
    path = "jsonpath={.status.readyReplicas}"
    assert deployed.kubectl("get", "deployment", deployment_of(source), "--output", path) == "1"
    assert deployed.kubectl("get", "service", deployment_of(source), "--output", "name")
    assert deployed.memory_of(source) == "16mb"


def test_a_preview_of_the_same_program_has_no_changes(deployed: Stack) -> None:
    deployed.pulumi("preview", "--expect-no-changes", "--refresh")


@pytest.fixture(scope="module")
def changed(deployed: Stack, base: dict[str, Any]) -> list[dict[str, Any]]:
    """The consequences of another image and another port in every source."""
    with deployed.restored(base):
        deployed.configure(**{**base, "values": values(image="redis:7", service={"port": 6380})})
        deployed.replace(CHART, "version: 0.1.0", "version: 0.2.0")
        for file in ("manifests/cache.yaml", "kustomize/base/cache.yaml"):
            deployed.replace(file, "image: redis:7-bookworm", "image: redis:7")
            deployed.replace(file, "port: 6379, targetPort", "port: 6380, targetPort")
        return list(deployed.report()["consequences"])


def levels(consequences: list[dict[str, Any]], start: str) -> list[str]:
    """The levels of the consequences whose reason starts like this."""
    return [item["level"] for item in consequences if item["reason"].startswith(start)]


class TestConsequences:
    """Return the consequences that `slipway preview` reports."""

    def test_objects_of_charts_manifests_and_kustomizations_are_read_like_any_other(
        self, changed: list[dict[str, Any]]
    ) -> None:
        for source in PLAIN_SOURCES:
            name = deployment_of(source)
            assert levels(changed, f"Deployment {name} (redis): redis:7-bookworm → redis:7;") == ["attention"]
            assert levels(changed, f"Service {name} stops listening on port 6379") == ["dangerous"]

    def test_a_changed_release_needs_attention_because_its_objects_are_not_listed(
        self, changed: list[dict[str, Any]]
    ) -> None:
        [found] = [item for item in changed if "Release release" in item["reason"]]
        assert found["level"] == "attention"
        assert "chart cache 0.1.0 → 0.2.0; changes values.image, values.service.port" in found["reason"]

    def test_a_deleted_release_names_the_objects_that_go_with_it(
        self, deployed: Stack, base: dict[str, Any]
    ) -> None:
        with deployed.restored(base):
            deployed.configure(**{**base, "sources": PLAIN_SOURCES})
            found = deployed.report()["consequences"]
        [uninstalled] = [item for item in found if "Release release" in item["reason"]]
        assert (uninstalled["level"], uninstalled["concern"]) == ("dangerous", "downtime")
        assert uninstalled["details"] == ["ConfigMap release", "Deployment release", "Service release"]


@pytest.fixture(scope="module")
def updated(deployed: Stack, base: dict[str, Any]) -> Stack:
    """The stack after an update: a value of every source has changed, and the chart's version."""
    deployed.replace(CHART, "version: 0.1.0", "version: 0.2.0")
    push(INSTANCE.registry, f"charts/{deployed.namespace}", deployed.directory / "charts/cache")
    for file in ("manifests/cache.yaml", "kustomize/base/redis.conf"):
        deployed.replace(file, "maxmemory 16mb", "maxmemory 24mb")
    deployed.configure(**{**base, "version": "0.2.0", "values": values(memory="24mb")})
    deployed.pulumi("up", "--yes", "--skip-preview")
    return deployed


@pytest.mark.parametrize("source", SOURCES)
def test_an_update_changes_the_objects(updated: Stack, source: str) -> None:
    assert updated.memory_of(source) == "24mb"


@pytest.fixture(scope="module")
def destroyed(updated: Stack) -> Stack:
    updated.pulumi("destroy", "--yes", "--skip-preview")
    return updated


@pytest.mark.parametrize("source", SOURCES)
def test_destroy_removes_the_objects(destroyed: Stack, source: str) -> None:
    name = deployment_of(source)
    objects = destroyed.kubectl("get", "deployments,services,configmaps", "--output", "name").split()
    assert not [item for item in objects if item.partition("/")[2].startswith(name)]
    if source in HELM_SOURCES:
        assert not destroyed.kubectl("get", "secrets", "--selector=owner=helm", "--output", "name")
