"""The workflows: as far as they can be checked without GitHub."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).parents[4] / ".github"
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.7"
MARK = "<!-- slipway preview -->"


def test_actionlint_finds_nothing_wrong() -> None:
    if not shutil.which("go"):
        pytest.skip("not run: no go to build actionlint with")
    files = sorted(map(str, (GITHUB / "workflows").glob("*.yml")))
    done = subprocess.run(["go", "run", ACTIONLINT, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", sorted((GITHUB / "workflows").glob("*.yml")), ids=lambda file: file.stem)
def test_each_job_has_only_the_rights_it_names_and_an_end(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"]
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize(("found", "method"), [("", "POST"), ("42", "PATCH")])
def test_a_comment_is_written_once_and_then_updated(found: str, method: str, tmp_path: Path) -> None:
    gh = tmp_path / "gh"
    gh.write_text(
        f'#!/bin/sh\ncase "$*" in *--paginate*) echo "{found}" ;; *) echo "$@" >{tmp_path}/sent ;; esac\n'
    )
    gh.chmod(0o755)
    (report := tmp_path / "report.md").write_text(f"{MARK}\n\ntext\n")
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "GITHUB_REPOSITORY": "you/hits",
    }
    subprocess.run([str(GITHUB / "comment.sh"), "7", str(report)], env=environment, check=True)
    sent = (tmp_path / "sent").read_text()
    assert f"--method {method}" in sent
    where = "repos/you/hits/issues/comments/42" if found else "repos/you/hits/issues/7/comments"
    assert f" {where} " in sent
    assert json.dumps(str(report))[1:-1] in sent
