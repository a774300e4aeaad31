"""One object under two names of the program is deleted, or cannot be created: a preview must say so."""

from typing import Any

import pytest

from slipway.preview.rules import Consequence, Situation, consequences
from slipway.pulumi.events import summarise
from tests.unit.slipway.engine import UNKNOWN, step

CONFIG = "kubernetes:core/v1:ConfigMap"
IN_SHOP = "slipway:components:Shop$kubernetes:core/v1:ConfigMap"


def config(name: Any = "settings", namespace: str = "shop", **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def told(*events: Any) -> list[Consequence]:
    found = summarise(events)
    situation = Situation(found.changes, found.unchanged)
    return [one for one in consequences(situation) if one.concern == "identity"]


def only(*events: Any) -> Consequence:
    [found] = told(*events)
    return found


def test_a_renamed_resource_is_dangerous_and_an_alias_by_name_keeps_its_object() -> None:
    found = only(step("create", CONFIG, "after", None, config()), step("delete", CONFIG, "before", config()))
    assert found.level == "dangerous"
    assert "ConfigMap settings becomes resource after and is deleted as resource before" in found.reason
    assert 'opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="before")])' in found.reason
    assert found.urn.endswith("::after")


def test_a_resource_that_moved_into_a_component_needs_its_old_urn_as_alias() -> None:
    found = only(
        step("create", IN_SHOP, "settings", None, config()), step("delete", CONFIG, "settings", config())
    )
    assert found.level == "dangerous"
    assert f"resource {IN_SHOP}::settings" in found.reason
    assert f"deleted as resource {CONFIG}::settings" in found.reason
    assert 'aliases=["urn:pulumi:dev::shop::kubernetes:core/v1:ConfigMap::settings"]' in found.reason


def test_what_the_program_lets_go_of_is_refused_only_by_newer_plugins() -> None:
    found = only(
        step("create", CONFIG, "after", None, config()),
        step("delete", CONFIG, "before", config(), retainOnDelete=True),
    )
    assert found.level == "attention"


@pytest.mark.parametrize("op", ["same", "update"])
def test_a_second_resource_for_an_object_of_the_stack_is_dangerous(op: str) -> None:
    found = only(
        step(op, CONFIG, "first", config(), config(a="b")), step("create", CONFIG, "second", None, config())
    )
    assert found.level == "dangerous"
    assert "would belong to resource first and to resource second" in found.reason


def test_two_new_resources_for_one_object_are_dangerous() -> None:
    found = only(
        step("create", CONFIG, "first", None, config()), step("create", CONFIG, "second", None, config())
    )
    assert found.level == "dangerous"


@pytest.mark.parametrize("op", ["same", "update"])
def test_deleting_the_old_name_after_half_an_update_would_delete_the_object_of_the_new(op: str) -> None:
    found = only(
        step("delete", CONFIG, "before", config()), step(op, CONFIG, "after", config(), config(a="b"))
    )
    assert found.level == "dangerous"
    assert "pulumi state delete 'urn:pulumi:dev::shop::kubernetes:core/v1:ConfigMap::before'" in found.reason


def test_letting_go_of_the_old_name_is_the_remedy() -> None:
    old = step("delete", CONFIG, "before", config(), retainOnDelete=True)
    assert told(old, step("same", CONFIG, "after", config(), config())) == []


def test_a_name_that_another_replaced_resource_gives_up_is_taken_over_and_deleted() -> None:
    moved = [
        step("create-replacement", CONFIG, "a", config(), config("other")),
        step("replace", CONFIG, "a", config(), config("other"), {"metadata.name": "update-replace"}),
        step("delete-replaced", CONFIG, "a", config()),
    ]
    assert only(*moved, step("create", CONFIG, "b", None, config())).level == "dangerous"


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
def test_another_object_is_none_of_its_business(created: dict[str, Any]) -> None:
    assert (
        told(step("create", CONFIG, "after", None, created), step("delete", CONFIG, "before", config())) == []
    )


def test_a_replacement_in_place_and_its_own_old_object_are_one_resource() -> None:
    assert told(step("replace", CONFIG, "a", config(), config(a="b"), {"data.a": "add-replace"})) == []


def test_a_patch_owns_no_object() -> None:
    patch = step("create", f"{CONFIG}Patch", "patch", None, config())
    assert told(step("same", CONFIG, "settings", config(), config()), patch) == []


@pytest.mark.parametrize(("provider", "same"), [("default_4_34_2", True), ("office", False)])
def test_objects_of_two_clusters_may_share_a_name(provider: str, same: bool) -> None:
    """A default provider is called by the release of the SDK, which may change with the same update."""
    urn = "urn:pulumi:dev::shop::pulumi:providers:kubernetes"
    found = told(
        step("delete", CONFIG, "before", config(), provider=f"{urn}::default_4_32_0::1"),
        step("create", CONFIG, "after", None, config(), provider=f"{urn}::{provider}::2"),
    )
    assert bool(found) is same
