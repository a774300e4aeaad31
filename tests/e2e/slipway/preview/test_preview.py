"""The reports of `slipway preview`, on the real engine and cluster."""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

from slipway.preview.report.model import SCHEMA
from tests.e2e.slipway.preview.conftest import CANARY, PASSWORD, PROJECT, Stack

RIGHTS = [PROJECT / f"docs/guides/previews-{name}.yaml" for name in ("policy", "role")]


def test_no_changes_are_exit_code_0(stack: Stack) -> None:
    assert "no changes" in stack.preview(code=0)


def test_a_safe_change_is_exit_code_2(stack: Stack) -> None:
    stack.specify(objects={"site": {"metadata": {"labels": {"team": "shop"}}}})
    assert stack.report()["level"] == "safe"


def test_a_change_that_loses_data_is_exit_code_3_and_leads_the_report(stack: Stack) -> None:
    stack.specify(cache={"resources": {"limits": {"memory": "96Mi"}}})
    report = stack.report(code=3)
    jsonschema.validate({"version": 1, "stacks": [report]}, json.loads(SCHEMA.read_text()))
    assert (report["consequences"][0]["level"], report["consequences"][0]["concern"]) == ("dangerous", "data")
    assert not report["notes"], "nodes and quotas were looked at"
    assert stack.preview("--fail-on", "never", code=0)


def test_a_program_that_fails_is_exit_code_1_and_reported(stack: Stack) -> None:
    stack.specify(cache={"storage": "much"})
    report = stack.report(code=1)
    assert report["status"] == "failed"
    assert "storage" in report["failure"]
    assert "Traceback" not in report["failure"]
    assert "unhandled" not in json.dumps(report), "the engine's own words for an error that was handled"


def test_a_stack_that_is_not_there_is_one_message(stack: Stack) -> None:
    done = stack.slipway("preview", "--stack", "nowhere")
    assert done.returncode == 1
    assert "there is no stack nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_hundred_resources_fit_into_a_comment(stack: Stack) -> None:
    maps = {
        f"map-{number}": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"map-{number}"},
            "data": {"text": "x" * 1000},
        }
        for number in range(200)
    }
    stack.specify(objects=maps)
    comment = stack.preview("--format", "markdown")
    assert len(comment) <= 65_536
    assert "200 created" in comment


def test_a_planted_secret_is_in_no_format(stack: Stack, tmp_path: Path) -> None:
    stack.specify(
        cache={"password": f"{PASSWORD}-new"},
        objects={"token": {"stringData": {"value": f"{CANARY}-new", "more": CANARY}}},
    )
    outputs = [
        word for name in ("a.txt", "a.md", "a.html", "a.json") for word in ("-o", str(tmp_path / name))
    ]
    stack.preview(*outputs, "--save-plan", str(tmp_path / "plans"), code=3)
    texts = {file: file.read_text() for file in tmp_path.rglob("*") if file.is_file()}
    assert len(texts) == 5
    for file, text in texts.items():
        assert "token" in text or file.suffix == ".html", "the change is in it"
        assert CANARY not in text, file
        assert PASSWORD not in text, file


def test_a_limit_range_of_the_cluster_refuses_the_next_pods(stack: Stack, tmp_path: Path) -> None:
    """It is not of the stack: only the cluster has it."""
    file = tmp_path / "bounds.json"
    kind = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "bounds"}}
    file.write_text(
        json.dumps({**kind, "spec": {"limits": [{"type": "Container", "max": {"memory": "1Mi"}}]}})
    )
    stack.kubectl("create", "-f", str(file))
    try:
        restart = {"metadata": {"annotations": {"restartedAt": "now"}}}
        stack.specify(objects={"site": {"spec": {"template": restart}}})
        reasons = [item["reason"] for item in stack.report()["consequences"]]
        assert [reason for reason in reasons if "LimitRange bounds: its new pods are refused" in reason]
    finally:
        stack.kubectl("delete", "limitrange", "bounds")


def test_an_output_that_goes_needs_attention(stack: Stack) -> None:
    stack.specify(outputs={"url": "http://a", "version": "1"})
    stack.pulumi("up", "--yes", "--skip-preview")
    try:
        stack.specify(outputs={"version": "2"})
        report = stack.report()
        assert (report["status"], report["level"], report["resources"]) == ("changed", "attention", [])
        assert [item["reason"] for item in report["consequences"]] == [
            "Stack output url is removed: stacks and scripts that read it fail"
        ]
    finally:
        stack.specify()
        stack.pulumi("up", "--yes", "--skip-preview")


def test_refresh_reports_drift(stack: Stack) -> None:
    stack.kubectl("label", "service", "site", "hand=made")
    try:
        assert stack.report(code=0)["drift"] is None
        [drift] = stack.report("--refresh", code=0)["drift"]
        assert [item["path"] for item in drift["properties"]] == ["metadata.labels.hand"]
    finally:
        stack.kubectl("label", "service", "site", "hand-")


def test_the_house_rules_stand_in_the_report_and_stop_an_update(stack: Stack) -> None:
    policy = str(PROJECT / "policy")
    assert not [
        item for item in stack.report("--policy-pack", policy, code=0)["violations"] if item["mandatory"]
    ]
    stack.specify(objects={"door": {"spec": {"type": "NodePort"}}})
    report = stack.report("--policy-pack", policy, code=1)
    assert report["violations"][0]["policy"] == "public-only-on-purpose"
    assert report["violations"][0]["mandatory"]
    assert report["status"] == "refused"
    refused = stack.pulumi("up", "--yes", "--skip-preview", "--policy-pack", policy, check=False)
    assert refused.returncode != 0
    assert stack.kubectl("get", "service", "site", "-o", "jsonpath={.spec.type}") == "ClusterIP"


def test_the_role_in_the_documents_is_enough_for_a_preview_and_too_little_for_an_update(
    stack: Stack, tmp_path: Path
) -> None:
    rights = "---\n".join(file.read_text() for file in RIGHTS)
    (tmp_path / "rights.yaml").write_text(rights.replace("NAMESPACE", stack.namespace))
    stack.kubectl("apply", "-f", str(tmp_path / "rights.yaml"))
    try:
        user = stack.as_user(_kubeconfig(stack, tmp_path / "kubeconfig"))
        stack.specify(
            cache={"resources": {"limits": {"memory": "96Mi"}}},
            objects={
                "site": {"spec": {"replicas": 2}},
                "archive": None,
                "door": {"spec": {"type": "NodePort"}},
            },
        )
        assert user.report(code=3)["status"] == "changed"
        assert user.pulumi("up", "--yes", "--skip-preview", check=False).returncode != 0
        assert stack.kubectl("get", "deployment", "site", "-o", "jsonpath={.spec.replicas}") == "1"
    finally:
        stack.kubectl("delete", "-f", str(tmp_path / "rights.yaml"))


def _kubeconfig(stack: Stack, file: Path) -> Path:
    """A kubeconfig of the reviewer, next to that of the administrator."""
    token = stack.kubectl("create", "token", "slipway-preview", "--duration=10m").strip()
    config = json.loads(stack.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"][0]["user"] = {"token": token}
    file.touch(mode=0o600)
    file.write_text(json.dumps(config))
    return file


def test_a_browser_draws_the_tree_and_filters_it(stack: Stack, tmp_path: Path) -> None:
    browser = next(
        (path for path in ("/usr/bin/chromium", "/usr/bin/google-chrome") if os.access(path, os.X_OK)), None
    )
    if browser is None:
        pytest.skip("not run: no browser (Debian: apt-get install chromium)")
    stack.specify(
        objects={
            "site": {"spec": {"replicas": 2}},
            "greeting": {"data": {"text": "hi"}},
            "door": {"spec": {"type": "NodePort"}},
        },
    )
    stack.preview("--format", "html", "--output", str(tmp_path / "report.html"), code=3)

    def drawn(fragment: str = "") -> str:
        return subprocess.check_output(
            (
                browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom",
                f"file://{tmp_path / 'report.html'}{fragment}",
            ),
            text=True, timeout=120, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    page = drawn()
    assert page.count('class="resource"') >= 4, "three resources and the stack that they belong to"
    assert "+ NodePort" in page.partition("<svg")[2].partition("</svg>")[0]
    assert "hidden" not in page.partition("<main")[2].partition("</main>")[0]
    filtered = drawn("#filter=greeting").partition("<main")[2]
    assert filtered.count('hidden=""') >= 1
    shown = [item for item in filtered.split("<li")[1:] if 'hidden=""' not in item.partition(">")[0]]
    assert any("greeting" in item for item in shown)
    assert not [item for item in shown if "spec.replicas" in item]
