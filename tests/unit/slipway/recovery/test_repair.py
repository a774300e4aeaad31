"""Objects that were created but are not in the state are added where the engine expects them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery import repair
from slipway.recovery.repair import adopt

URN = "urn:pulumi:dev::hits::kubernetes:core/v1:ConfigMap::settings"
DEPENDENT = URN.replace("settings", "dependent")
INPUTS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings-2", "namespace": "hits"}}
NEW = {"urn": URN, "type": "kubernetes:core/v1:ConfigMap", "inputs": INPUTS}
CREATED = StackObject(
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


def resources(state: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = state["deployment"]["resources"]
    return items


def test_new_object() -> None:
    """It becomes the last resource, and keeps its field manager."""
    before = state({"urn": "other"})
    after = adopt(before, [CREATED])
    assert after["version"] == 3 and "pending_operations" not in after["deployment"]
    other, new = resources(after)
    assert other == {"urn": "other"}
    assert new == {
        **NEW,
        "id": "hits/settings-2",
        "outputs": {"__initialApiVersion": "v1", "__fieldManager": "pulumi-kubernetes-1a2b3c4d"},
    }
    assert resources(before) == [{"urn": "other"}]


def test_object_without_server_side_apply() -> None:
    """It has no field manager: the Kubernetes plugin creates objects so from release 4.29 on."""
    managers = [{"manager": "pulumi-kubernetes", "operation": "Update"}]
    created = replace(CREATED, manifest={"metadata": {"managedFields": managers}})
    [new] = resources(adopt(state(), [created]))
    assert new["outputs"] == {"__initialApiVersion": "v1"}


def test_other_pending_operations() -> None:
    """An object that is not in the cluster, or was not being created, adds no resource."""
    assert resources(adopt(state(), [])) == []
    assert resources(adopt(state({"urn": URN, "id": "old"}, kind="updating"), [CREATED])) == [
        {"urn": URN, "id": "old"}
    ]


def test_replaced_object() -> None:
    """It stays in the state for the next update to delete."""
    after = adopt(state({"urn": URN, "id": "hits/settings-1"}, {"urn": DEPENDENT}), [CREATED])
    assert [(item["urn"], item.get("id"), item.get("delete")) for item in resources(after)] == [
        (URN, "hits/settings-2", None),
        (URN, "hits/settings-1", True),
        (DEPENDENT, None, None),
    ]


def test_object_deleted_before_its_replacement() -> None:
    """It leaves the state."""
    old = {"urn": URN, "id": "hits/settings-1", "pendingReplacement": True}
    after = adopt(state(old, {"urn": DEPENDENT}), [CREATED])
    assert [item.get("id") for item in resources(after)] == ["hits/settings-2", None]


def test_object_whose_creation_is_pending_twice() -> None:
    """It is added once."""
    before = state()
    before["deployment"]["pending_operations"] *= 2
    assert [item.get("delete") for item in resources(adopt(before, [CREATED]))] == [None]


@pytest.mark.parametrize(("created", "found"), [("2026-01-02", False), ("2026-01-03", True)])
def test_object_that_a_later_update_has_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, created: str, found: bool
) -> None:
    """The object in the state stays; only a newer object replaces it."""
    in_state = {**INPUTS, "metadata": {"name": "settings-1", "creationTimestamp": "2026-01-02T00:00:00Z"}}
    live = {
        **INPUTS,
        "metadata": {"name": "settings-2", "namespace": "hits", "creationTimestamp": f"{created}T00:00:00Z"},
    }
    key = ("ConfigMap", "hits", "settings-2")
    monkeypatch.setattr(repair, "live_objects", lambda *_: {key: live})
    stack: Any = SimpleNamespace(project=SimpleNamespace(working_directory=tmp_path))
    before = state({**NEW, "outputs": in_state})
    damage = repair.find_damage(StackSnapshot(stack, "hits", {}, cast(Cluster, None), before))
    assert [item.name for item in damage.created] == (["settings-2"] if found else [])
    assert (damage.lost, damage.known) == ((), () if found else ("settings",))
