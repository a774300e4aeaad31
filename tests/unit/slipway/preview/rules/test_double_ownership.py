"""Two resources of a program that claim the same object."""

from typing import Any

import pytest

from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.pulumi.events import summarise
from tests.unit.slipway.engine import UNKNOWN, step

CONFIG = "kubernetes:core/v1:ConfigMap"
IN_SHOP = "slipway:components:Shop$kubernetes:core/v1:ConfigMap"


def config(name: Any = "settings", namespace: str = "shop", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def report(*events: Any) -> list[Consequence]:
    summary = summarise(events)
    situation = Situation(summary.changes, summary.unchanged)
    return [consequence for consequence in consequences(situation) if consequence.concern == "identity"]


def only(*events: Any) -> Consequence:
    [found] = report(*events)
    return found


def test_an_alias_by_name_keeps_a_renamed_resource() -> None:
    found = only(step("create", CONFIG, "after", None, config()), step("delete", CONFIG, "before", config()))
    assert found.level is Level.DANGEROUS
    assert "ConfigMap settings moves to resource after and is deleted as resource before" in found.reason
    assert 'opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="before")])' in found.reason
    assert found.urn.endswith("::after")


def test_an_alias_by_urn_keeps_a_resource_that_moves_into_a_component() -> None:
    found = only(
        step("create", IN_SHOP, "settings", None, config()), step("delete", CONFIG, "settings", config())
    )
    assert found.level is Level.DANGEROUS
    assert f"resource {IN_SHOP}::settings" in found.reason
    assert f"deleted as resource {CONFIG}::settings" in found.reason
    assert 'aliases=["urn:pulumi:dev::shop::kubernetes:core/v1:ConfigMap::settings"]' in found.reason


def test_a_retained_resource_needs_attention() -> None:
    """Newer plugins refuse to create the object; earlier ones adopt it."""
    found = only(
        step("create", CONFIG, "after", None, config()),
        step("delete", CONFIG, "before", config(), retainOnDelete=True),
    )
    assert found.level is Level.ATTENTION


@pytest.mark.parametrize("op", ["same", "update"])
def test_a_second_resource_for_an_object_is_dangerous(op: str) -> None:
    found = only(
        step(op, CONFIG, "first", config(), config(a="b")), step("create", CONFIG, "second", None, config())
    )
    assert found.level is Level.DANGEROUS
    assert "belongs to both resource first and resource second" in found.reason


def test_two_new_resources_for_one_object_are_dangerous() -> None:
    found = only(
        step("create", CONFIG, "first", None, config()), step("create", CONFIG, "second", None, config())
    )
    assert found.level is Level.DANGEROUS


@pytest.mark.parametrize("op", ["same", "update"])
def test_half_a_rename_deletes_the_object(op: str) -> None:
    """An interrupted update has created the new resource and not yet deleted the old one."""
    found = only(
        step("delete", CONFIG, "before", config()), step(op, CONFIG, "after", config(), config(a="b"))
    )
    assert found.level is Level.DANGEROUS
    assert "pulumi state delete 'urn:pulumi:dev::shop::kubernetes:core/v1:ConfigMap::before'" in found.reason


def test_retaining_the_old_resource_is_safe() -> None:
    old = step("delete", CONFIG, "before", config(), retainOnDelete=True)
    assert report(old, step("same", CONFIG, "after", config(), config())) == []


def test_a_name_that_a_replaced_resource_frees_is_dangerous() -> None:
    moved = [
        step("create-replacement", CONFIG, "a", config(), config("other")),
        step("replace", CONFIG, "a", config(), config("other"), {"metadata.name": "update-replace"}),
        step("delete-replaced", CONFIG, "a", config()),
    ]
    assert only(*moved, step("create", CONFIG, "b", None, config())).level is Level.DANGEROUS


@pytest.mark.parametrize(
    "created",
    [
        config("other"),
        config(namespace="office"),
        config(UNKNOWN),
        {**config(), "kind": "Secret"},
        {**config(), "apiVersion": "example.com/v1"},
    ],
)
def test_another_object_is_not_claimed(created: dict[str, Any]) -> None:
    assert (
        report(step("create", CONFIG, "after", None, created), step("delete", CONFIG, "before", config()))
        == []
    )


def test_a_replacement_in_place_is_one_resource() -> None:
    assert report(step("replace", CONFIG, "a", config(), config(a="b"), {"data.a": "add-replace"})) == []


def test_a_patch_owns_no_object() -> None:
    patch = step("create", f"{CONFIG}Patch", "patch", None, config())
    assert report(step("same", CONFIG, "settings", config(), config()), patch) == []


@pytest.mark.parametrize(("provider", "same"), [("default_4_34_2", True), ("office", False)])
def test_objects_of_two_clusters_may_share_a_name(provider: str, same: bool) -> None:
    """The name of a default provider contains its version, which may change in the same update."""
    urn = "urn:pulumi:dev::shop::pulumi:providers:kubernetes"
    found = report(
        step("delete", CONFIG, "before", config(), provider=f"{urn}::default_4_32_0::1"),
        step("create", CONFIG, "after", None, config(), provider=f"{urn}::{provider}::2"),
    )
    assert bool(found) is same
