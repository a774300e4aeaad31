"""Reports in every format."""

import json
import re
from typing import Any

import jsonschema
import pytest
from pulumi.automation.events import EngineEvent
from rich.console import Console

from slipway.cli.preview import FailOn, exit_code
from slipway.preview.report import html, markdown, terminal
from slipway.preview.report.model import SCHEMA, Report, schema
from slipway.preview.report.stack_report import stack_report
from slipway.preview.rules import Situation
from slipway.pulumi.events import summarise
from slipway.pulumi.operations import without_values
from tests.unit.slipway.engine import step

CANARY = "canary-7f3a"
SERVICE = "kubernetes:core/v1:Service"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def report(*events: EngineEvent, name: str = "prod", failure: str = "", refresh: bool = False) -> Report:
    summary = summarise(events)
    changes = tuple(change for change in summary.changes if change.custom)
    situation = Situation(changes, summary.unchanged)
    drift = summary.drift if refresh else None
    return Report(stacks=(stack_report(name, summary, situation, drift=drift, failure=failure),))


def deployment(name: str = "web", image: str = "web@sha256:0", **pod: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "web", "image": image}], **pod}}
    spec = {"replicas": 2, "template": template}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": name}, "spec": spec}


def service(kind: str) -> dict[str, Any]:
    return {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": {"type": kind}}


OPENED = step(
    "update", SERVICE, "web", service("ClusterIP"), service("LoadBalancer"), {"spec.type": "update"}
)
IMAGE = {"spec.template.spec.containers[0].image": "update"}
ENVIRONMENT = [{"name": "API_TOKEN", "value": CANARY}, {"name": "X", "value": "y"}]


def shown(content: Report, width: int) -> str:
    console = Console(width=width, color_system=None, file=None)
    with console.capture() as captured:
        terminal.show(content, console)
    return captured.get()


def formats(content: Report) -> dict[str, str]:
    return {
        "terminal": shown(content, 200),
        "markdown": markdown.render(content),
        "html": html.render(content),
        "json": json.dumps(content.model_dump(mode="json")),
    }


def test_consequences_come_before_properties_in_every_format() -> None:
    for form, text in formats(report(OPENED)).items():
        if form != "html":  # the page's script sets the order
            assert text.index("becomes a LoadBalancer") < text.index("spec.type"), form


def test_a_narrow_terminal_shows_long_names_in_full() -> None:
    name = "a-service-of-a-long-name" * 4
    text = shown(
        report(step("delete", SERVICE, "web", service("ClusterIP") | {"metadata": {"name": name}})), 60
    )
    assert name in re.sub(r"\s", "", text)


def test_the_schema_file_is_up_to_date() -> None:
    assert SCHEMA.read_text() == schema()
    jsonschema.validate(report(OPENED).model_dump(mode="json"), json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize("old", [None, "x"])
def test_no_format_contains_a_secret_even_if_it_is_not_marked(old: str | None) -> None:
    container = {"name": "web", "image": "web@sha256:0", "env": ENVIRONMENT}
    before, after = deployment(), deployment(containers=[container])
    marked = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "stringData": {"a": CANARY}}
    plain = {**marked, "kind": "ConfigMap", "stringData": None, "data": {"password": CANARY}}
    events = [
        step("update", DEPLOYMENT, "web", before, after, {"spec.template.spec.containers[0].env": "add"}),
        step(
            "update",
            DEPLOYMENT,
            "two",
            before,
            after,
            {"spec.template.spec.containers[0].env[0].value": "add"},
        ),
        step("update", "kubernetes:core/v1:Secret", "s", marked, marked, {"stringData.a": "update"}),
        step("update", "kubernetes:core/v1:ConfigMap", "s", plain, plain, {"data.password": "update"}),
        step("update", "kubernetes:core/v1:ConfigMap", "t", plain, plain, {"data": "update"}),
    ]
    for form, text in formats(report(*events)).items():
        assert "[secret]" in text, form
        assert CANARY not in text, form


@pytest.mark.parametrize("number", [200, 1000])
def test_a_comment_fits_into_githubs_limit_and_lists_omitted_details(number: int) -> None:
    events = [
        step(
            "update",
            DEPLOYMENT,
            f"web-{index}",
            deployment(f"web-{index}", "x" * 500),
            deployment(f"web-{index}", "y" * 500),
            {"spec.template.spec.containers[0].image": "update"},
        )
        for index in range(number)
    ]
    text = markdown.render(report(*events))
    assert len(text) <= 65_536
    assert "Folded to fit into a comment" in text
    assert text.startswith(markdown.MARK)


def test_dangerous_consequences_are_the_last_to_be_folded() -> None:
    changes = [
        step(
            "update",
            DEPLOYMENT,
            f"w{index}",
            deployment(f"w{index}"),
            deployment(f"w{index}", "b"),
            {"spec.template": "update"},
        )
        for index in range(1000)
    ]
    assert "becomes a LoadBalancer" in markdown.render(report(*changes, OPENED))


def test_long_subjects_of_commits_are_shortened() -> None:
    summary = summarise(
        [step("update", DEPLOYMENT, "web", deployment(), deployment(image="web@sha256:1"), IMAGE)]
    )
    commits = tuple(f"abc{number} {'x' * 10_000}" for number in range(20))
    stack = stack_report("prod", summary, Situation(summary.changes, commits=commits))
    comment = markdown.render(Report(stacks=(stack,)))
    assert len(comment) < 20_000
    assert [f"abc{number} x" in comment for number in range(20)] == [True] * 20
    short = markdown.render(Report(stacks=(stack,)), limit=1_200)
    assert "and 17 more" in short


@pytest.mark.parametrize("text", ["</script><b>", "```\n# Title", "<img src=x>", "@everyone [a](b)", "a|b"])
def test_text_of_users_is_escaped(text: str) -> None:
    content = report(step("create", SERVICE, text, None, service("NodePort") | {"metadata": {"name": text}}))
    page = html.render(content)
    assert page.count("</script>") == 1
    assert "<img" not in page and "<b></b>" not in page
    comment = markdown.render(content)
    assert comment.count("```") == 4, "the picture and the properties"
    assert "<img" not in re.sub("```diff.*```", "", comment, flags=re.DOTALL)
    assert "[a](b)" not in re.sub("```diff.*```", "", comment, flags=re.DOTALL)


def test_a_comment_on_several_stacks_begins_with_a_table() -> None:
    stacks = (*report(OPENED).stacks, *report(name="dev").stacks)
    text = markdown.render(Report(stacks=stacks))
    assert text.count(markdown.MARK) == 1
    assert text.index("| 🔴 prod |") < text.index("| ⚪ dev | no changes |") < text.index("### 🔴 prod")


@pytest.mark.parametrize(
    ("events", "failure", "code"),
    [
        ([], "", 0),
        ([step("create", SERVICE, "web", None, service("ClusterIP"))], "", 2),
        ([OPENED], "", 3),
        ([OPENED], "the program failed", 1),
        (
            [EngineEvent.from_json({"policyEvent": {"enforcementLevel": "mandatory", "policyName": "p"}})],
            "",
            1,
        ),
    ],
)
def test_exit_codes(events: list[EngineEvent], failure: str, code: int) -> None:
    assert exit_code(report(*events, failure=failure)) == code


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [(FailOn.CHANGES, 2), (FailOn.ATTENTION, 0), (FailOn.DANGEROUS, 0), (FailOn.NEVER, 0)],
)
def test_levels_below_fail_on_exit_with_0(fail_on: FailOn, code: int) -> None:
    assert exit_code(report(step("create", SERVICE, "web", None, service("ClusterIP"))), fail_on) == code
    assert exit_code(report(OPENED), fail_on) == (0 if fail_on is FailOn.NEVER else 3)


def test_noise_is_counted_but_not_shown() -> None:
    paths = {"contextHash": "update", "tags": "update", "context.location": "update"}
    [stack] = report(
        step("update", "docker-build:index:Image", "web", {"tags": ["a"]}, {"tags": ["b"]}, paths)
    ).stacks
    [resource] = stack.resources
    assert [item.path for item in resource.properties] == ["tags"]
    assert resource.noise == 2


def test_the_page_is_self_contained() -> None:
    page = html.render(report(OPENED))
    assert not re.search(r"""(src|href)\s*=|@import|url\(|https?://""", page)


def test_explanations_contain_no_values_that_violate_a_plan() -> None:
    message = "resource urn:pulumi:dev::a::b::c violates plan: properties changed: ~~secrets[{canary}]\nmore"
    assert "violates plan: its properties differ from the reviewed plan" in without_values(message)
    assert "canary" not in without_values(message)
