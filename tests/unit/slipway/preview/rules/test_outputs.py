"""Outputs of the stack in a report."""

from typing import Any

import pytest

from slipway.preview.report.model import Stack
from slipway.preview.report.stack_report import stack_report
from slipway.preview.rules import Level, Situation
from slipway.pulumi.events import summarise
from tests.unit.slipway import engine
from tests.unit.slipway.engine import step

STACK = "pulumi:pulumi:Stack"
IMAGE = "ghcr.io/you/web:{0}@sha256:{0}"


def report(old: dict[str, Any], new: dict[str, Any], *, exists: bool = True) -> Stack:
    """Return the report of a preview: the engine's first event about the stack repeats the old outputs."""
    before: dict[str, Any] | None = {} if exists else None
    events = [
        step("same", STACK, "dev", before, {}, event="resOutputsEvent", outputs=(old, outputs), custom=False)
        for outputs in (old, new)
    ]
    summary = summarise(events)
    return stack_report("dev", summary, Situation(summary.changes, outputs=summary.outputs))


def reasons(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [item.reason for item in report(old, new).consequences]


def test_a_removed_output_needs_attention() -> None:
    found = report({"url": "http://a", "image": "a"}, {"image": "a"})
    assert found.level is Level.ATTENTION
    assert [item.reason for item in found.consequences] == [
        "Stack output url is removed: stacks and scripts that read it fail"
    ]
    assert found.status == "changed"


def test_outputs_that_stay_are_no_change() -> None:
    found = report({"url": "http://a"}, {"url": "http://a"})
    assert (found.status, found.consequences) == ("unchanged", ())


def test_outputs_of_a_new_stack_are_not_reported() -> None:
    assert not report({}, {"url": "http://a"}, exists=False).consequences


@pytest.mark.parametrize(
    "name", ["image", "imageTag", "image_digests", "appVersion", "versions", "git-commit"]
)
def test_values_that_each_release_changes_are_not_reported(name: str) -> None:
    assert not reasons({name: "1"}, {name: "2"})
    assert not reasons({name: {"web": "1"}}, {name: {"web": "2"}})
    assert reasons({name: "1"}, {})
    assert reasons({name: "1"}, {name: ["2"]})


@pytest.mark.parametrize("name", ["conversions", "staging", "imagery", "shared"])
def test_names_that_only_look_like_those_of_releases_are_reported(name: str) -> None:
    assert reasons({name: "1"}, {name: "2"})


def test_an_image_is_recognised_by_its_form() -> None:
    assert not reasons({"web": IMAGE.format("1")}, {"web": IMAGE.format("2")})
    assert not reasons({"web": IMAGE.format("1")}, {"web": engine.UNKNOWN})
    assert reasons({"web": IMAGE.format("1")}, {"web": IMAGE.format("2").replace("web", "api")})


def test_a_value_that_is_not_known_yet_may_change() -> None:
    [reason] = reasons({"address": "203.0.113.7"}, {"address": engine.UNKNOWN})
    assert "may change from 203.0.113.7: its value is known after the update" in reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"password": "planted"}, {"password": "planted-2"}),
        ({"url": "http://you:planted@a"}, {"url": "http://you:planted@b"}),
        ({"login": {"password": "planted"}}, {"login": "none"}),
        ({"login": engine.SECRET}, {"login": "none"}),
    ],
)
def test_secrets_are_masked(old: dict[str, Any], new: dict[str, Any]) -> None:
    [reason] = reasons(old, new)
    assert "planted" not in reason
    assert "[secret]" in reason


def test_a_newer_drill_of_a_database_is_not_reported_but_a_failed_one() -> None:
    drill = {"status": "passed", "reason": "", "target_time": "03:28", "backup": "1", "rows": 1}
    assert not reasons(
        {"drill": drill}, {"drill": {**drill, "target_time": "04:28", "backup": "2", "rows": 2}}
    )
    failed = {**drill, "status": "failed", "reason": "a backup is gone", "target_time": "05:28"}
    assert [reason.partition(" changes")[0] for reason in reasons({"drill": drill}, {"drill": failed})] == [
        "Stack output drill.reason",
        "Stack output drill.status",
    ]
    assert reasons({"plan": {"rows": 1}}, {"plan": {"rows": 2}})
