"""What is read from the engine's events."""

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from slipway.pulumi.changes import SECRET, UNKNOWN, Op
from slipway.pulumi.events import summarise
from slipway.pulumi.properties import parse_path, value_at
from tests.unit.slipway import engine
from tests.unit.slipway.engine import step

DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def test_a_replacement_that_arrives_as_three_events_is_one_change() -> None:
    ops = ("create-replacement", "replace", "delete-replaced")
    told = summarise([step(op, DEPLOYMENT, "web", {"a": 1}, {"a": 2}, {"a": "update-replace"}) for op in ops])
    [change] = told.changes
    assert change.op is Op.REPLACE
    assert not change.deleted_first
    assert [(one.path, one.old, one.new, one.replaces) for one in change.properties] == [("a", 1, 2, True)]


def test_a_replacement_that_deletes_first_says_so() -> None:
    ops = ("delete-replaced", "replace", "create-replacement")
    [change] = summarise([step(op, DEPLOYMENT, "web", {"a": 1}, {"a": 2}) for op in ops]).changes
    assert change.deleted_first


def test_a_replacement_that_only_follows_from_anothers_still_tells_what_differs() -> None:
    [change] = summarise(
        [step("replace", DEPLOYMENT, "web", {"a": {"b": [1]}}, {"a": {"b": [1, 2]}})]
    ).changes
    assert [(one.path, one.kind, one.new) for one in change.properties] == [("a.b[1]", "add", 2)]


def test_secrets_and_what_is_not_known_yet_cannot_be_taken_for_text() -> None:
    inputs = {"data": engine.SECRET, "image": engine.UNKNOWN, "list": ["[secret]"]}
    [change] = summarise([step("create", DEPLOYMENT, "web", None, inputs)]).changes
    assert change.new == {"data": SECRET, "image": UNKNOWN, "list": [SECRET]}
    assert value_at(change.new, "data.password") is SECRET


def test_what_stays_as_it_is_is_no_change() -> None:
    told = summarise([step("same", DEPLOYMENT, "web", {"a": 1}, {"a": 1})])
    assert not told.changes
    assert [one.op for one in told.unchanged] == [Op.SAME]


def refreshed(before: dict[str, Any], after: dict[str, Any], kind: str = DEPLOYMENT, **inputs: Any) -> Any:
    found = []
    for op in ("refresh", "update"):  # as `preview --refresh` and `refresh --preview-only` name it
        begun = step("refresh", kind, "web", inputs, inputs)
        ended = step(op, kind, "web", inputs, inputs, event="resOutputsEvent", outputs=(before, after))
        told = summarise([begun, ended]).drift
        found.append([(one.path, one.old, one.new) for change in told for one in change.properties])
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    "noise",
    [
        {"status": {"replicas": 3}},
        {"metadata": {"resourceVersion": "2", "generation": 4, "managedFields": []}},
        {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "2"}}},
        {"__inputs": {"spec": {}}},
        {"spec": {"replicas": 3}},
    ],
)
def test_what_the_cluster_keeps_for_itself_is_no_drift(noise: dict[str, Any]) -> None:
    assert refreshed({}, noise) == []


def test_what_a_hand_has_added_or_changed_is_drift() -> None:
    before = {"spec": {"replicas": 1, "template": {"env": []}}}
    after = {
        "spec": {"replicas": 5, "template": {"env": [{"name": "X"}]}},
        "metadata": {"labels": {"a/b": "c"}},
    }
    assert refreshed(before, after, spec={"replicas": 1}) == [
        ('metadata.labels["a/b"]', None, "c"),
        ("spec.replicas", 1, 5),
        ("spec.template.env[0]", None, {"name": "X"}),
    ]


def test_a_secret_changed_by_hand_is_drift_although_its_content_is_masked() -> None:
    before, after = ({"metadata": {"resourceVersion": one}, "data": engine.SECRET} for one in "12")
    assert refreshed(before, after, kind="kubernetes:core/v1:Secret") == [("data", SECRET, SECRET)]


def test_what_is_gone_from_the_cluster_is_drift() -> None:
    begun = step("refresh", DEPLOYMENT, "web", {"a": 1}, {"a": 1})
    gone = step("refresh", DEPLOYMENT, "web", {"a": 1}, None, event="resOutputsEvent")
    [change] = summarise([begun, gone]).drift
    assert change.op is Op.DELETE


def test_the_engines_own_notes_are_not_passed_on() -> None:
    texts = ("debug", "info", "warning", "error")
    events = [
        EngineEvent.from_json({"diagnosticEvent": {"message": f"{text}\n", "severity": text}})
        for text in texts
    ]
    assert [(one.severity, one.message) for one in summarise(events).diagnostics] == [
        (text, text) for text in texts[1:]
    ]


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("spec.template", ["spec", "template"]),
        ("containers[0].image", ["containers", 0, "image"]),
        ('annotations["a.b/c"]', ["annotations", "a.b/c"]),
        ('data["redis.conf"].x[10]', ["data", "redis.conf", "x", 10]),
        ("[0][1]", [0, 1]),
        ("", []),
    ],
)
def test_property_paths_are_taken_apart_as_pulumi_writes_them(path: str, parts: list[str | int]) -> None:
    assert list(parse_path(path)) == parts
