"""The workflows, step by step on stub programs. GitHub itself is not there."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.runner import PROJECT, Runner, stack

GITHUB = PROJECT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
pytestmark = pytest.mark.skipif(not shutil.which("jq"), reason="not run: the stub of gh needs jq")
MARK = "<!-- slipway preview -->"
COMMENTED = "gh api --silent --method POST repos/you/hits/issues/7/comments"


def pull_request(action: str = "synchronize", *labels: str, fork: bool = False) -> dict[str, Any]:
    return {
        "action": action,
        "pull_request": {
            "number": 7,
            "head": {"repo": {"full_name": "them/hits" if fork else "you/hits"}, "sha": "abc"},
            "base": {"sha": "def", "ref": "main"},
            "labels": [{"name": label} for label in labels],
            "merged": action == "closed",
            "merge_commit_sha": "merged",
        },
        "label": {"name": labels[0] if labels else ""},
        "repository": {"default_branch": "main"},
    }


PUSH = {"repository": {"default_branch": "main"}}


def called(runner: Runner, start: str) -> list[str]:
    return [call for call in runner.calls if call.startswith(start)]


@pytest.mark.parametrize("code", [0, 2])
def test_a_preview_is_commented(tmp_path: Path, code: int) -> None:
    runner = Runner(tmp_path, pull_request())
    runner.fail("slipway preview*", code)
    assert runner.run("preview") == {"preview": "success", "comment": "success"}
    assert called(runner, COMMENTED)
    [preview] = called(runner, "slipway preview")
    assert "--stack staging --stack prod" in preview


@pytest.mark.parametrize(
    ("code", "labels", "result"), [(3, [], "failure"), (3, ["dangerous accepted"], "success")]
)
def test_a_dangerous_change_needs_the_label(
    tmp_path: Path, code: int, labels: list[str], result: str
) -> None:
    runner = Runner(tmp_path, pull_request("labeled", *labels))
    runner.fail("slipway preview*", code)
    assert runner.run("preview") == {"preview": result, "comment": "success"}


@pytest.mark.parametrize("report", ["report.md", ""])
def test_a_preview_that_fails_fails_the_job(tmp_path: Path, report: str) -> None:
    """With a report, as for a violated policy, and without."""
    runner = Runner(tmp_path, pull_request("opened", "dangerous accepted"))
    runner.fail("slipway preview*")
    if not report:
        (tmp_path / "report.md").unlink()
    assert runner.run("preview") == {"preview": "failure", "comment": "success" if report else "skipped"}
    assert bool(called(runner, COMMENTED)) == bool(report)


def test_a_merge_applies_each_stack(tmp_path: Path) -> None:
    runner = Runner(tmp_path, PUSH)
    assert runner.run("apply") == {"apply": "success", "sbom": "success"}
    applied = [f"slipway apply --plan reports/plans/{name}.json" for name in ("staging", "prod")]
    assert called(runner, "slipway apply") == applied
    assert called(runner, "gh run list --workflow preview.yml --commit abc --status success")
    assert called(runner, "gh run download 42")


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("slipway preview*", 1),
        ("slipway preview*", 3),
        ("gh api*", 1),
        ("gh run download*", 1),
        ("make venv", 2),
    ],
)
def test_nothing_is_applied_when_an_earlier_step_fails(tmp_path: Path, pattern: str, code: int) -> None:
    runner = Runner(tmp_path, PUSH)
    runner.fail(pattern, code)
    assert runner.run("apply") == {"apply": "failure", "sbom": "skipped"}
    assert called(runner, "slipway apply") == []


def test_a_refused_apply_fails_the_job_and_stops_the_next_stack(tmp_path: Path) -> None:
    runner = Runner(tmp_path, PUSH)
    runner.fail("slipway apply*staging*")
    assert runner.run("apply") == {"apply": "failure", "sbom": "skipped"}
    assert called(runner, "slipway apply") == ["slipway apply --plan reports/plans/staging.json"]


def test_dangerous_changes_are_applied_with_the_label_of_the_pull_request(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {**PUSH, **pull_request("closed", "dangerous accepted")})
    runner.fail("slipway preview*", 3)
    assert runner.run("apply")["apply"] == "success"


@pytest.mark.parametrize(
    ("reviewed", "result"),
    [
        ({"level": "dangerous"}, "failure"),
        ({"resources": []}, "failure"),
        ({"consequences": []}, "failure"),
        ({"violations": [{"policy": "not-as-root"}]}, "failure"),
        ({"messages": ["a warning"], "notes": ["not checked"]}, "success"),
        ({"consequences": [{"concern": "image", "reason": "a new image", "details": []}]}, "success"),
    ],
)
def test_only_what_was_reviewed_is_applied(tmp_path: Path, reviewed: dict[str, Any], result: str) -> None:
    runner = Runner(tmp_path, PUSH)
    report = {"stacks": [stack("staging"), stack("prod", **reviewed)]}
    (tmp_path / "reviewed.json").write_text(json.dumps(report))
    assert runner.run("apply")["apply"] == result
    assert bool(called(runner, "slipway apply")) == (result == "success")


@pytest.mark.parametrize("file", ["pulls", "runs"])
def test_a_commit_without_a_reviewed_report_is_not_applied(tmp_path: Path, file: str) -> None:
    runner = Runner(tmp_path, PUSH)
    (tmp_path / file).write_text("[]")
    assert runner.run("apply")["apply"] == "failure"
    assert called(runner, "slipway") == []


def test_another_branch_is_not_applied(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"repository": {"default_branch": "trunk"}})
    assert set(runner.run("apply").values()) == {"skipped"}
    assert yaml.safe_load((GITHUB / "workflows/apply.yml").read_text())[True] == {
        "push": {"branches": ["main"]}
    }


def test_a_review_stack_is_created_with_policies_and_commented(tmp_path: Path) -> None:
    runner = Runner(tmp_path, pull_request("labeled", "review stack"))
    assert runner.run("review-stack") == {"stack": "success"}
    assert called(runner, "pulumi up") == ["pulumi up --yes --skip-preview --policy-pack policy"]
    assert called(runner, "pulumi stack init review-7")
    assert called(runner, COMMENTED)


def test_a_review_stack_is_destroyed_when_the_pull_request_is_closed(tmp_path: Path) -> None:
    runner = Runner(tmp_path, pull_request("closed", "review stack"))
    (tmp_path / "stacks").write_text(json.dumps([{"name": "review-7"}], indent=2))
    assert runner.run("review-stack") == {"stack": "success"}
    assert called(runner, "pulumi destroy") == ["pulumi destroy --yes --skip-preview --remove"]
    assert called(runner, "pulumi up") == []


@pytest.mark.parametrize("command", ["stack ls*", "up*", "stack output*", "config set*"])
def test_a_review_stack_that_fails_fails_the_job(tmp_path: Path, command: str) -> None:
    runner = Runner(tmp_path, pull_request("labeled", "review stack"))
    runner.fail(f"pulumi {command}")
    assert runner.run("review-stack") == {"stack": "failure"}
    assert called(runner, COMMENTED) == []


def test_an_unreachable_backend_fails_the_destruction(tmp_path: Path) -> None:
    runner = Runner(tmp_path, pull_request("closed", "review stack"))
    runner.fail("pulumi stack*")
    assert runner.run("review-stack") == {"stack": "failure"}


REVIEWED = {"state": "open", "labels": [{"name": "bug"}, {"name": "review stack"}]}


@pytest.mark.parametrize(
    ("pull", "destroyed"),
    [({**REVIEWED, "state": "closed"}, True), ({**REVIEWED, "labels": []}, True), (REVIEWED, False)],
    ids=["closed", "without the label", "open"],
)
def test_a_review_stack_that_is_left_over_is_destroyed(
    tmp_path: Path, pull: dict[str, Any], destroyed: bool
) -> None:
    """A pull request that is closed with conflicts starts no run."""
    runner = Runner(tmp_path, {})
    stacks = [{"name": name} for name in ("dev", "prod", "review-7", "review-7-of-mine", "preview-8")]
    (tmp_path / "stacks").write_text(json.dumps(stacks))
    (tmp_path / "pulls").write_text(json.dumps(pull))
    assert runner.run("review-sweep") == {"sweep": "success"}
    assert len(called(runner, "gh api")) == 1
    selected = ["pulumi stack select review-7"] if destroyed else []
    assert called(runner, "pulumi stack select") == selected
    assert called(runner, "pulumi destroy") == ["pulumi destroy --yes --skip-preview --remove"] * destroyed


@pytest.mark.parametrize(
    "command", ["gh api*", "pulumi stack ls*", "pulumi destroy*", "pulumi stack select*"]
)
def test_a_sweep_that_fails_fails_the_job(tmp_path: Path, command: str) -> None:
    runner = Runner(tmp_path, {})
    (tmp_path / "stacks").write_text('[{"name": "review-7"}]')
    (tmp_path / "pulls").write_text(json.dumps({**REVIEWED, "state": "closed"}))
    runner.fail(command)
    assert runner.run("review-sweep") == {"sweep": "failure"}
    assert bool(called(runner, "pulumi destroy")) == command.startswith("pulumi destroy")


@pytest.mark.parametrize("name", ["preview", "review-stack"])
def test_a_pull_request_from_a_fork_runs_nothing(tmp_path: Path, name: str) -> None:
    runner = Runner(tmp_path, pull_request("labeled", "review stack", fork=True))
    assert set(runner.run(name).values()) == {"skipped"}
    assert runner.calls == []


def test_only_the_steps_that_need_secrets_get_them(tmp_path: Path) -> None:
    runner = Runner(tmp_path, pull_request())
    runner.run("preview")
    assert "passphrase" in runner.environment("slipway preview")
    for start in ("make venv", "gh api --silent"):
        assert "passphrase" not in runner.environment(start)
    assert "KUBECONFIG_CONTENT" not in runner.environment("slipway preview")
    assert "job-token" not in runner.environment("slipway preview")


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_each_job_names_its_rights_and_its_timeout(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"] <= 60
        assert "secrets." not in str(job.get("env"))
        assert ("secrets." in str(job)) <= ("environment" in job)


def comment_on(tmp_path: Path, report: str, comment: str = "") -> subprocess.CompletedProcess[bytes]:
    """Run comment.sh with a stub of gh that finds a comment, and writes what it sends to the file `sent`."""
    gh = tmp_path / "gh"
    gh.write_text(
        f'#!/bin/sh\ncase "$*" in *--paginate*) echo "{comment}" ;; *) echo "$@" >{tmp_path}/sent ;; esac\n'
    )
    gh.chmod(0o755)
    (file := tmp_path / "report.md").write_text(report)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "GITHUB_REPOSITORY": "you/hits",
    }
    return subprocess.run([str(GITHUB / "comment.sh"), "7", str(file)], env=environment)


@pytest.mark.parametrize(("comment", "method"), [("", "POST"), ("42", "PATCH")])
def test_a_comment_is_written_once_and_then_updated(comment: str, method: str, tmp_path: Path) -> None:
    assert comment_on(tmp_path, f"{MARK}\n\ntext\n", comment).returncode == 0
    sent = (tmp_path / "sent").read_text()
    assert f"--method {method}" in sent
    where = "repos/you/hits/issues/comments/42" if comment else "repos/you/hits/issues/7/comments"
    assert f" {where} " in sent
    assert str(tmp_path / "report.md") in sent


@pytest.mark.parametrize(
    "line", ['<!-- x")) | 7, (.[] | select("" == "-->', "text", "", "<!-- slipway $(id) -->"]
)
def test_a_report_cannot_choose_another_comment(line: str, tmp_path: Path) -> None:
    """The code of a pull request writes the report; its first line becomes a part of a jq query."""
    assert comment_on(tmp_path, f"{line}\n\ntext\n", "42").returncode == 1
    assert not (tmp_path / "sent").exists()
