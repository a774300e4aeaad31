"""After an update that stopped between two names of one object, the state has it once, under the new name."""

from typing import Any, cast

import pytest
from pulumi.automation.events import EngineEvent

from slipway.cluster.kubectl import Cluster
from slipway.pulumi.project import Stack
from slipway.pulumi.snapshot import StackSnapshot
from slipway.pulumi.updates import Run
from slipway.recovery.renames import rename_resources, repair_renames
from tests.unit.slipway.engine import URN, step

CONFIG = "kubernetes:core/v1:ConfigMap"
OLD, NEW, CLIENT = (URN.format(type=CONFIG, name=name) for name in ("old", "new", "client"))
OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"}}


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 3, "deployment": {"manifest": {}, "resources": [*resources]}}


def resource(urn: str, *dependencies: str, **more: Any) -> dict[str, Any]:
    used = {"dependencies": [*dependencies], "propertyDependencies": {"data": [*dependencies]}}
    return {"urn": urn, "id": "shop/settings", "type": CONFIG, "custom": True, **used, **more}


class FakeStack:
    """A stack of a fake engine, whose previews say always the same."""

    name = "dev"

    def __init__(self, kept: dict[str, Any], *events: EngineEvent, failure: str = "") -> None:
        self.kept, self.run = kept, Run(events, failure)

    def preview(self) -> Run:
        return self.run

    def state(self) -> dict[str, Any]:
        return self.kept

    def set_state(self, state: dict[str, Any]) -> None:
        self.kept = state


def side(stack: FakeStack) -> StackSnapshot:
    return StackSnapshot(cast(Stack, stack), "shop", {}, Cluster("sandbox"), stack.state())


CREATED = step("create", CONFIG, "new", None, OBJECT)
SAME = step("same", CONFIG, "new", OBJECT, OBJECT)
DELETED = step("delete", CONFIG, "old", OBJECT)


def test_an_object_that_could_not_be_created_because_it_exists_gets_its_new_name() -> None:
    """Kubernetes plugin 4.29 and later: the state still has the old resource alone."""
    stack = FakeStack(state(resource(OLD), resource(CLIENT, OLD)), CREATED, DELETED)
    said: list[str] = []
    after = repair_renames(side(stack), said.append)
    assert after.state == stack.kept == state(resource(NEW), resource(CLIENT, NEW))
    assert [OLD in text and NEW in text for text in said] == [True]


def test_an_object_that_was_taken_over_is_not_deleted_under_its_old_name() -> None:
    """Kubernetes plugin before 4.29: the state has both resources."""
    stack = FakeStack(state(resource(OLD), resource(CLIENT), resource(NEW)), SAME, DELETED)
    repair_renames(side(stack), lambda _: None)
    assert stack.kept == state(resource(CLIENT), resource(NEW))


def test_what_depends_on_the_old_resource_never_refers_to_a_later_one() -> None:
    before = state(resource(OLD), resource(CLIENT, OLD, deletedWith=OLD), resource(NEW))
    assert rename_resources(before, {OLD: NEW}) == state(resource(CLIENT), resource(NEW))


def test_a_resource_whose_new_name_is_only_about_to_be_deleted_is_renamed() -> None:
    before = state(resource(OLD), resource(NEW, delete=True))
    assert [one["urn"] for one in rename_resources(before, {OLD: NEW})["deployment"]["resources"]] == [
        NEW,
        NEW,
    ]


@pytest.mark.parametrize(
    "stack",
    [
        FakeStack(state(resource(OLD)), CREATED, DELETED, failure="the program fails"),
        FakeStack(state(resource(OLD)), CREATED, step("same", CONFIG, "old", OBJECT, OBJECT)),
        FakeStack(state(resource(OLD)), DELETED),
    ],
    ids=["preview fails", "two resources stay", "only deleted"],
)
def test_a_state_is_left_alone_unless_a_preview_says_that_something_was_renamed(stack: FakeStack) -> None:
    before = side(stack)
    assert repair_renames(before, lambda _: None) is before
    assert stack.kept == state(resource(OLD))


def test_another_kind_of_resource_keeps_its_name() -> None:
    other = {**OBJECT, "kind": "ConfigMap"}
    stack = FakeStack(
        state(resource(OLD)), step("create", "kubernetes:core/v2:ConfigMap", "new", None, other), DELETED
    )
    repair_renames(side(stack), lambda _: None)
    assert stack.kept == state(resource(OLD))
