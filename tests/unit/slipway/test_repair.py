"""What was created but not written down comes into the state, where the engine expects it."""

from dataclasses import replace
from typing import Any

from slipway.cluster.objects import StackObject
from slipway.recovery.repair import adopted

URN = "urn:pulumi:dev::hits::kubernetes:core/v1:ConfigMap::settings"
DEPENDENT = URN.replace("settings", "dependent")
NEW = {"urn": URN, "type": "kubernetes:core/v1:ConfigMap", "inputs": {"data": {"a": "2"}}}
MADE = StackObject(
    urn=URN,
    api_version="v1",
    kind="ConfigMap",
    namespace="hits",
    name="settings-2",
    manifest={
        "metadata": {
            "managedFields": [
                {"manager": "kubectl", "operation": "Update"},
                {"manager": "pulumi-kubernetes-1a2b3c4d", "operation": "Apply"},
            ]
        }
    },
)


def state(*resources: dict[str, Any], kind: str = "creating") -> dict[str, Any]:
    pending = [{"type": kind, "resource": NEW}]
    return {"version": 3, "deployment": {"resources": [*resources], "pending_operations": pending}}


def resources(given: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = given["deployment"]["resources"]
    return found


def test_a_new_object_comes_last_and_keeps_its_field_manager() -> None:
    before = state({"urn": "other"})
    after = adopted(before, [MADE])
    assert after["version"] == 3 and "pending_operations" not in after["deployment"]
    other, new = resources(after)
    assert other == {"urn": "other"}
    assert new == {
        **NEW,
        "id": "hits/settings-2",
        "outputs": {"__initialApiVersion": "v1", "__fieldManager": "pulumi-kubernetes-1a2b3c4d"},
    }
    assert resources(before) == [{"urn": "other"}]


def test_an_object_that_was_not_made_by_server_side_apply_has_no_field_manager_to_keep() -> None:
    """As the Kubernetes plugin makes objects from release 4.29 on."""
    managers = [{"manager": "pulumi-kubernetes", "operation": "Update"}]
    made = replace(MADE, manifest={"metadata": {"managedFields": managers}})
    [new] = resources(adopted(state(), [made]))
    assert new["outputs"] == {"__initialApiVersion": "v1"}


def test_what_is_not_in_the_cluster_or_was_not_being_created_is_left_out() -> None:
    assert resources(adopted(state(), [])) == []
    assert resources(adopted(state({"urn": URN, "id": "old"}, kind="updating"), [MADE])) == [
        {"urn": URN, "id": "old"}
    ]


def test_the_replaced_object_is_deleted_by_the_next_update() -> None:
    after = adopted(state({"urn": URN, "id": "hits/settings-1"}, {"urn": DEPENDENT}), [MADE])
    assert [(one["urn"], one.get("id"), one.get("delete")) for one in resources(after)] == [
        (URN, "hits/settings-2", None),
        (URN, "hits/settings-1", True),
        (DEPENDENT, None, None),
    ]


def test_an_object_that_was_deleted_before_its_replacement_is_forgotten() -> None:
    old = {"urn": URN, "id": "hits/settings-1", "pendingReplacement": True}
    after = adopted(state(old, {"urn": DEPENDENT}), [MADE])
    assert [one.get("id") for one in resources(after)] == ["hits/settings-2", None]
