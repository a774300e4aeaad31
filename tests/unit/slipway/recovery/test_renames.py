"""An object that two resources claim after a failed update is once in the state, under the new name."""

from typing import Any, cast

import pytest
from pulumi.automation.events import EngineEvent

from slipway.cluster.kubectl import Cluster
from slipway.pulumi.operations import Run
from slipway.pulumi.project import Stack
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery.renames import rename_resources, repair_renames
from tests.unit.slipway.engine import URN, step

CONFIG = "kubernetes:core/v1:ConfigMap"
OLD, NEW, CLIENT = (URN.format(type=CONFIG, name=name) for name in ("old", "new", "client"))
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}}


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"manifest": {}, "resources": [*resources]}}


def resource(urn: str, *dependencies: str, **more: Any) -> dict[str, Any]:
    references = {"dependencies": [*dependencies], "propertyDependencies": {"data": [*dependencies]}}
    return {"urn": urn, "id": "shop/settings", "type": CONFIG, "custom": True, **references, **more}


class FakeStack:
    """A stack whose previews always have the same events."""

    name = "dev"

    def __init__(self, stored: dict[str, Any], *events: EngineEvent, failure: str = "") -> None:
        self.stored, self.run = stored, Run(events, failure)

    def preview(self) -> Run:
        return self.run

    def state(self) -> dict[str, Any]:
        return self.stored

    def set_state(self, state: dict[str, Any]) -> None:
        self.stored = state


def snapshot(stack: FakeStack) -> StackSnapshot:
    return StackSnapshot(cast(Stack, stack), "shop", {}, Cluster("sandbox"), stack.state())


CREATED = step("create", CONFIG, "new", None, OBJECT)
SAME = step("same", CONFIG, "new", OBJECT, OBJECT)
DELETED = step("delete", CONFIG, "old", OBJECT)


def test_object_that_exists() -> None:
    """Kubernetes plugin 4.29 and later: the state has only the old resource."""
    stack = FakeStack(state(resource(OLD), resource(CLIENT, OLD)), CREATED, DELETED)
    messages: list[str] = []
    after = repair_renames(snapshot(stack), messages.append)
    assert after.state == stack.stored == state(resource(NEW), resource(CLIENT, NEW))
    assert [OLD in text and NEW in text for text in messages] == [True]


def test_object_that_was_adopted() -> None:
    """Kubernetes plugin before 4.29: the state has both resources."""
    stack = FakeStack(state(resource(OLD), resource(CLIENT), resource(NEW)), SAME, DELETED)
    repair_renames(snapshot(stack), lambda _: None)
    assert stack.stored == state(resource(CLIENT), resource(NEW))


def test_dependents() -> None:
    """A resource never refers to a later resource."""
    before = state(resource(OLD), resource(CLIENT, OLD, deletedWith=OLD), resource(NEW))
    assert rename_resources(before, {OLD: NEW}) == state(resource(CLIENT), resource(NEW))


def test_new_name_is_being_deleted() -> None:
    """A resource that is being deleted does not take the new name."""
    before = state(resource(OLD), resource(NEW, delete=True))
    after = rename_resources(before, {OLD: NEW})
    assert [item["urn"] for item in after["deployment"]["resources"]] == [NEW, NEW]


@pytest.mark.parametrize(
    "stack",
    [
        FakeStack(state(resource(OLD)), CREATED, DELETED, failure="the program fails"),
        FakeStack(state(resource(OLD)), CREATED, step("same", CONFIG, "old", OBJECT, OBJECT)),
        FakeStack(state(resource(OLD)), DELETED),
    ],
    ids=["preview fails", "two resources stay", "only deleted"],
)
def test_no_rename(stack: FakeStack) -> None:
    """The state does not change unless a preview shows a rename."""
    before = snapshot(stack)
    assert repair_renames(before, lambda _: None) is before
    assert stack.stored == state(resource(OLD))


def test_another_type() -> None:
    """A resource of another type is not a rename."""
    other = {**OBJECT, "kind": "ConfigMap"}
    stack = FakeStack(
        state(resource(OLD)), step("create", "kubernetes:core/v2:ConfigMap", "new", None, other), DELETED
    )
    repair_renames(snapshot(stack), lambda _: None)
    assert stack.stored == state(resource(OLD))
