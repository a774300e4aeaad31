"""Services whose pods change in the same update: a Service changes at once, its pods only as they restart."""

from dataclasses import replace
from typing import Any

import pytest

from slipway.images.model_card import CANARY
from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.pulumi.changes import Change, Op
from tests.unit.slipway.preview.rules.test_postgres_rules import LABELS, member, part

WEB = {"app": "web"}
NAMED = {"app.kubernetes.io/name": "web"}
SELECTED = (
    "Service web selects pods with app.kubernetes.io/name=web at once:"
    " requests fail until pods with these labels are ready"
)
LED = (
    "Service web leads port 80 to the port named web at once:"
    " requests fail until pods with that port are ready"
)


def pods(labels: dict[str, str], port: str = "http", name: str = "web") -> dict[str, Any]:
    container = {"name": "web", "image": "web@sha256:1", "ports": [{"name": port, "containerPort": 5000}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    metadata = {"name": name}
    spec = {"replicas": 2, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def service(selector: dict[str, str], port: Any = "http") -> dict[str, Any]:
    spec = {"selector": selector, "ports": [{"port": 80, "targetPort": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec}


def change(old: dict[str, Any], new: dict[str, Any]) -> Change:
    manifest = new or old
    urn = f"urn::{manifest['kind']}-{manifest['metadata']['name']}"
    op = Op.SAME if old == new else Op.UPDATE if old else Op.CREATE
    return Change(urn, f"kubernetes:x:{manifest['kind']}", op, "", old, new, {})


def report(*changes: Change) -> tuple[Consequence, ...]:
    different = tuple(item for item in changes if item.op is not Op.SAME)
    return consequences(Situation(different, tuple(item for item in changes if item.op is Op.SAME)))


def dangers(*changes: Change) -> list[str]:
    return [item.reason for item in report(*changes) if item.level is Level.DANGEROUS]


def test_a_selector_that_moves_with_the_labels_of_the_pods() -> None:
    assert dangers(change(service(WEB), service(NAMED)), change(pods(WEB), pods(NAMED))) == [SELECTED]


def test_a_selector_that_moves_to_pods_that_are_new() -> None:
    green = pods(NAMED, name="green")
    moved = change(service(WEB), service(NAMED))
    assert dangers(moved, change(pods(WEB), pods(WEB)), change({}, green)) == [SELECTED]


@pytest.mark.parametrize(
    "labels", [{**WEB, **NAMED}, {**WEB, **NAMED, "tier": "front"}], ids=["kept", "and more"]
)
def test_a_selector_that_moves_to_a_label_that_pods_have(labels: dict[str, str]) -> None:
    before = {**WEB, **NAMED}
    assert not dangers(change(service(WEB), service(NAMED)), change(pods(before), pods(labels)))


def test_a_named_port_that_is_renamed_with_that_of_the_pods() -> None:
    moved = change(service(WEB), service(WEB, "web"))
    assert dangers(moved, change(pods(WEB), pods(WEB, "web"))) == [LED]


def test_a_target_by_number_instead_of_name_is_safe() -> None:
    same = change(pods(WEB), pods(WEB))
    for before, after in (("http", 5000), (5000, "http")):
        found = report(change(service(WEB, before), service(WEB, after)), same)
        assert not [item for item in found if item.level is not Level.SAFE]


def test_one_of_several_workloads_that_gets_the_new_label_needs_attention() -> None:
    both = {**WEB, **NAMED}
    others = change(pods(both, name="other"), pods(both, name="other")), change(pods(WEB), pods(both))
    found = report(change(service(WEB), service(NAMED)), *others)
    assert not [item for item in found if item.level is Level.DANGEROUS]
    assert [
        item.reason for item in found if "of Service web" in item.reason and item.level is Level.ATTENTION
    ]


def test_new_pods_that_a_service_selects_besides_its_own_need_attention() -> None:
    same = change(service(WEB), service(WEB)), change(pods(WEB), pods(WEB))
    reason = "Service web also sends requests to the new pods of green"
    found = report(*same, change({}, pods(WEB, name="green")))
    assert [item.reason for item in found if item.level is not Level.SAFE] == [reason]
    assert not [item for item in report(*same, change({}, pods(NAMED))) if item.level is not Level.SAFE]


def joins(new: Change, selected: dict[str, str] = WEB) -> bool:
    """Return whether a report speaks of new pods of a Service that stays with the pods that it has."""
    same = change(service(selected), service(selected)), change(pods(selected), pods(selected))
    return any("also sends requests" in item.reason for item in report(*same, new))


def test_pods_that_a_service_has_already_do_not_join_it() -> None:
    created = change({}, pods(WEB, name="green"))
    assert joins(created)
    assert not joins(replace(created, op=Op.IMPORT))


def test_another_member_of_a_database_joins_as_a_replica() -> None:
    standby = member(1)
    del standby["metadata"]["namespace"]
    assert joins(change({}, standby), LABELS)
    assert not joins(part("StatefulSet", "db-1", Op.CREATE, {}, standby), LABELS)


def test_a_canary_of_a_model_says_itself_that_it_gets_requests() -> None:
    green = pods({**WEB, CANARY: "true"}, name="green")
    green["metadata"]["labels"] = {**WEB, CANARY: "true"}
    assert not joins(change({}, green))
