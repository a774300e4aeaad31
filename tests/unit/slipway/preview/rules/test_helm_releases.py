"""Consequences of changes to Helm releases."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from slipway.preview.report.stack_report import resource
from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.pulumi.events import summarise
from tests.unit.slipway.engine import UNKNOWN, URN, step

UNKNOWN_INPUTS = "properties have unknown values. Preview is incomplete."
TYPE = "kubernetes:helm.sh/v3:Release"


def release(version: str = "0.1.0", chart: str = "./charts/cache", **inputs: Any) -> dict[str, Any]:
    return {"name": "cache", "namespace": "shop", "chart": chart, "version": version, **inputs}


def report(op: str, *inputs: dict[str, Any] | None, live: Any = None, **options: Any) -> list[Consequence]:
    summary = summarise([step(op, TYPE, "cache", *inputs, outputs=({"resourceNames": live}, {}), **options)])
    return list(consequences(Situation(summary.changes)))


def test_an_installed_release_needs_attention() -> None:
    [found] = report("create", None, release())
    assert found.level is Level.ATTENTION
    assert "installs chart cache 0.1.0" in found.reason


def test_an_upgrade_names_versions_and_changed_values_without_content() -> None:
    old, new = release(values={"login": "planted-1"}), release("0.2.0", values={"login": "planted-2"})
    diff = {"version": "update", "values.login": "update"}
    [found] = report("update", old, new, diff)
    assert found.level is Level.ATTENTION
    assert "chart cache 0.1.0 → 0.2.0; changes values.login" in found.reason
    assert "planted" not in found.reason


def test_values_that_are_named_like_secrets_are_masked_in_the_properties() -> None:
    old, new = (release(values={"auth": {"password": f"planted-{item}"}, "memory": item}) for item in "12")
    diff = {"values.auth.password": "update", "values.memory": "update"}
    [change] = summarise([step("update", TYPE, "cache", old, new, diff)]).changes
    assert [(item.path, item.old, item.new) for item in resource(change).properties] == [
        ("values.auth.password", "[secret]", "[secret]"),
        ("values.memory", "1", "2"),
    ]


def test_another_chart_is_named_with_the_previous_chart() -> None:
    new = release("7.0.0", "oci://registry.example/charts/valkey")
    [found] = report("update", release(), new, {"chart": "update", "version": "update"})
    assert "chart ./charts/cache 0.1.0 → oci://registry.example/charts/valkey 7.0.0" in found.reason


@pytest.mark.parametrize("version", [UNKNOWN, ""])
def test_a_version_that_depends_on_the_update_is_unknown(version: str) -> None:
    [found] = report("update", release(), release(version), {"version": "update"})
    assert found.level is Level.ATTENTION
    assert "chart cache 0.1.0 → unknown version" in found.reason


def test_an_update_without_a_difference_needs_attention() -> None:
    """For example, a release whose last upgrade failed."""
    [found] = report("update", release(), release())
    assert found.level is Level.ATTENTION
    assert "is upgraded (chart cache 0.1.0):" in found.reason


def test_recreated_pods_are_downtime() -> None:
    old, new = (release(values={"memory": size}, recreatePods=True) for size in ("1Gi", "2Gi"))
    found = report("update", old, new, {"values.memory": "update"})
    assert [(consequence.level, consequence.concern) for consequence in found] == [
        (Level.DANGEROUS, "downtime"),
        (Level.ATTENTION, "configuration"),
    ]


@pytest.mark.parametrize(
    ("live", "level", "concern"),
    [
        ({"Deployment.apps/apps/v1": ["shop/cache"]}, "dangerous", "downtime"),
        ({"Service/v1": ["shop/cache"]}, "dangerous", "downtime"),
        ({"StatefulSet.apps/apps/v1": ["shop/cache"], "Service/v1": ["shop/cache"]}, "dangerous", "data"),
        ({"PersistentVolumeClaim/v1": ["shop/cache"]}, "dangerous", "data"),
        ({"Database.example.com/example.com/v1": ["shop/cache"]}, "dangerous", "data"),
        ({"ConfigMap/v1": ["shop/cache"]}, "attention", "configuration"),
        ({}, "dangerous", "data"),
        (None, "dangerous", "data"),
    ],
)
def test_a_deleted_release_is_as_dangerous_as_its_objects(live: Any, level: str, concern: str) -> None:
    [found] = report("delete", release(), live=live)
    assert (found.level, found.concern) == (Level(level), concern)


def test_a_deleted_release_lists_its_objects() -> None:
    live = {"Service/v1": ["shop/cache"], "Deployment.apps/apps/v1": ["shop/cache", "shop/more"]}
    [found] = report("delete", release(), live=live)
    assert found.details == ("Deployment cache", "Deployment more", "Service cache")


def test_a_release_that_is_retained_is_not_uninstalled() -> None:
    assert not report("delete", release(), retainOnDelete=True)


def test_a_release_under_another_name_is_uninstalled_and_installed_again() -> None:
    live = {"Deployment.apps/apps/v1": ["shop/cache"]}
    found = report("replace", release(), release(name="other"), {"name": "update-replace"}, live=live)
    assert [(consequence.level, consequence.concern) for consequence in found] == [
        (Level.DANGEROUS, "downtime")
    ]
    assert "Release cache is uninstalled, then installed again" in found[0].reason


class TestObjectsThatAPreviewCannotList:
    """A component whose inputs depend on the update registers no objects in a preview."""

    CHART = "kubernetes:helm.sh/v4:Chart"
    GROUP = "kubernetes:yaml/v2:ConfigGroup"

    def report(self, kind: str, warning: dict[str, str], parent: str) -> list[Consequence]:
        message = {"severity": "warning", "color": "never", **warning}
        component = step("same", kind, "cache", {}, {}, custom=False)
        owner = URN.format(type=parent, name="cache")
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cache"}}
        gone = step("delete", "kubernetes:core/v1:Service", "cache", service, parent=owner)
        summary = summarise([component, EngineEvent.from_json({"diagnosticEvent": message}), gone])
        return list(
            consequences(Situation(summary.changes, summary.unchanged, incomplete=summary.incomplete))
        )

    @pytest.mark.parametrize(
        ("kind", "warning"),
        [
            (CHART, {"message": f"Input {UNKNOWN_INPUTS}", "urn": URN.format(type=CHART, name="cache")}),
            (GROUP, {"message": f"{GROUP}:cache -- Required input {UNKNOWN_INPUTS}"}),
        ],
    )
    def test_they_are_unknown_and_not_deleted(self, kind: str, warning: dict[str, str]) -> None:
        [found] = self.report(kind, warning, parent=kind)
        assert (found.level, found.concern) == (Level.ATTENTION, "configuration")
        assert "cache depends on a value that is known only after the update" in found.reason

    def test_objects_of_other_components_are_deleted(self) -> None:
        warning = {"message": f"Input {UNKNOWN_INPUTS}", "urn": URN.format(type=self.CHART, name="cache")}
        found = self.report(self.CHART, warning, parent=self.GROUP)
        assert [consequence.level for consequence in found] == [Level.DANGEROUS, Level.ATTENTION]
