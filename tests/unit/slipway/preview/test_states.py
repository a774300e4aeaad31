"""The state of a stack in every format, and the reason of a failure."""

import json
import re
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent
from rich.console import Console

from slipway.cli.preview import exit_code
from slipway.preview.report import html, markdown, terminal
from slipway.preview.report.model import Report
from slipway.preview.report.stack_report import stack_report
from slipway.preview.report.wording import state
from slipway.preview.rules import Situation
from slipway.pulumi.operations import Run
from tests.unit.slipway.engine import step

SERVICE = "kubernetes:core/v1:Service"
EXIT = "an unhandled error occurred: program exited with non-zero exit code: 1"
CAUSE = "Invalid WebService 'web': replicas is -1"


def service(kind: str = "ClusterIP", **annotations: str) -> dict[str, Any]:
    metadata = {"name": "web", "annotations": annotations}
    return {"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": {"type": kind}}


def error(message: str) -> EngineEvent:
    return EngineEvent.from_json({"diagnosticEvent": {"severity": "error", "message": message}})


def violation(level: str) -> EngineEvent:
    return EngineEvent.from_json(
        {
            "policyEvent": {
                "enforcementLevel": level,
                "policyName": "public-only-on-purpose",
                "message": "why?",
            }
        }
    )


OPENED = step("update", SERVICE, "web", service(), service("NodePort"), {"spec.type": "update"})
INTERNAL = {"networking.gke.io/load-balancer-type": "Internal"}
STATES: dict[str, tuple[list[EngineEvent], str]] = {
    "unchanged": ([], "no changes"),
    "safe": ([step("create", SERVICE, "web", None, service())], "safe"),
    "attention": (
        [step("create", SERVICE, "web", None, service("LoadBalancer", **INTERNAL))],
        "1 to look at",
    ),
    "dangerous": ([OPENED], "1 dangerous"),
    "refused": ([OPENED, violation("mandatory"), error("preview failed")], "refused by policy"),
    "failed": ([error(CAUSE), error(EXIT), error("preview failed")], "the preview failed"),
}


def report(events: list[EngineEvent]) -> Report:
    failed = any(event.diagnostic_event for event in events)
    run = Run(events, "stdout: \n stderr: error: preview failed" if failed else "")
    summary, failure = run.summary, run.failure_reason
    changes = tuple(change for change in summary.changes if change.custom)
    return Report(
        stacks=(stack_report("prod", summary, Situation(changes, summary.unchanged), failure=failure),)
    )


@pytest.mark.parametrize("name", STATES)
class TestStates:
    """Each state has its own word and colour, which no other state has."""

    def test_html(self, name: str) -> None:
        page = html.render(report(STATES[name][0])).partition("<main>")[2]
        assert re.findall(r'<span class="badge (\w+)">(\w+)</span>', page) == [(name, name)]

    def test_markdown(self, name: str) -> None:
        icons = {
            "unchanged": "⚪",
            "safe": "🟢",
            "attention": "🟠",
            "dangerous": "🔴",
            "refused": "⛔",
            "failed": "❌",
        }
        content = report(STATES[name][0])
        assert f"### {icons[name]} prod: {STATES[name][1]}\n" in markdown.render(content)
        several = markdown.render(Report(stacks=content.stacks * 2))
        assert f"| {icons[name]} prod | {STATES[name][1]} |" in several

    def test_terminal(self, name: str) -> None:
        console = Console(width=100, force_terminal=True, color_system="standard")
        with console.capture() as captured:
            terminal.show(report(STATES[name][0]), console)
        title = captured.get().splitlines()[0]
        assert STATES[name][1] in title
        codes = {
            "unchanged": "2", "safe": "32", "attention": "33", "dangerous": "1;31", "refused": "1;35",
            "failed": "1;37;41",
        }  # fmt: skip
        assert f"\x1b[{codes[name]}m{STATES[name][1]}" in title

    def test_json(self, name: str) -> None:
        [stack] = json.loads(report(STATES[name][0]).model_dump_json())["stacks"]
        changed = name in ("safe", "attention", "dangerous")
        assert stack["status"] == ("changed" if changed else name)
        assert not changed or stack["level"] == name

    def test_exit_code(self, name: str) -> None:
        codes = {"unchanged": 0, "safe": 2, "attention": 2, "dangerous": 3}
        assert exit_code(report(STATES[name][0])) == codes.get(name, 1)


def test_every_state_has_its_own_look() -> None:
    looks = [state(report(events).stacks[0]) for events, _ in STATES.values()]
    for attribute in ("name", "icon", "colour"):
        assert len({getattr(look, attribute) for look in looks}) == len(STATES), attribute


def test_a_failed_preview_is_not_safe() -> None:
    assert str(report(STATES["failed"][0]).level) == "attention"


def test_a_failed_preview_has_no_picture() -> None:
    """Objects that the engine did not reach would be missing."""
    assert report([OPENED]).stacks[0].topology
    assert report([OPENED, error(CAUSE)]).stacks[0].topology is None


class TestReasons:
    """The reason of a failure is the cause, without the engine's last words about it."""

    @pytest.mark.parametrize("form", ["html", "markdown", "terminal", "json"])
    def test_a_handled_error_is_not_called_unhandled(self, form: str) -> None:
        content = report(STATES["failed"][0])
        text = {
            "html": html.render(content), "markdown": markdown.render(content),
            "json": content.model_dump_json(), "terminal": shown(content),
        }[form]  # fmt: skip
        assert "replicas is -1" in text
        assert "unhandled" not in text
        assert "preview failed" not in text.replace("the preview failed", "")

    def test_an_exit_code_is_the_reason_if_nothing_else_is(self) -> None:
        assert report([error(EXIT), error("preview failed")]).stacks[0].failure == EXIT

    def test_a_failing_program_is_not_a_refusal(self) -> None:
        [stack] = report([violation("mandatory"), error(EXIT), error("preview failed")]).stacks
        assert (stack.status, stack.failure) == ("failed", EXIT)

    def test_advice_refuses_nothing(self) -> None:
        assert report([OPENED, violation("advisory")]).stacks[0].status == "changed"

    def test_values_of_a_plan_are_in_no_message(self) -> None:
        message = (
            "resource urn:pulumi:dev::a::b::c violates plan: properties changed: ~~secrets[{canary}]\nmore"
        )
        assert "canary" not in report([error(message)]).model_dump_json()


def shown(content: Report) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        terminal.show(content, console)
    return captured.get()
