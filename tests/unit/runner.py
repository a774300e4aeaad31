"""A runner for GitHub workflows: it runs the `run:` blocks in bash as GitHub does, on stub programs."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]
SHELLS = {None: ["bash", "-e"], "bash": ["bash", "--noprofile", "--norc", "-eo", "pipefail"]}
PROGRAMS = ["bash", "cat", "cp", "dirname", "env", "head", "jq", "mkdir", "mktemp", "rm", "tee"]
TOKENS = re.compile(
    r"'(?P<text>(?:[^']|'')*)'|(?P<name>[A-Za-z_][\w.*-]*)|(?P<operator>&&|\|\||==|!=|[!(),])|\s+"
)
OPERATORS = {"&&": " and ", "||": " or ", "!": " not "}
STATUS = re.compile(r"\b(always|cancelled|failure|success)\(")
STUB = """#!/bin/bash
set -e
line="${{0##*/}} $*"
echo "$line" >>{root}/calls
env >"{root}/environment/${{line//\\//:}}"
for word; do
    case "$word" in reports/*.*) mkdir -p reports && cp "{root}/report.${{word##*.}}" "$word" || true ;; esac
done
case "$line" in
"gh api"*/pulls*) jq -r "${{@: -1}}" {root}/pulls ;;
"gh run list"*) jq -r "${{@: -1}}" {root}/runs ;;
"gh run download"*) mkdir -p "${{@: -1}}" && cp {root}/reviewed.json "${{@: -1}}/report.json" ;;
"pulumi stack ls"*) cat {root}/stacks ;;
"pulumi stack output"*) echo http://hits ;;
esac
while IFS=: read -r pattern code; do
    [[ $line == $pattern ]] && {{ echo refused; exit "$code"; }}
done <{root}/codes
exit 0
"""


class Runner:
    """A machine that runs the jobs of a workflow, each in a new workspace."""

    def __init__(self, root: Path, event: Mapping[str, Any], **contexts: Any) -> None:
        self.root = root
        self.contexts = {
            "github": {"event": event, "repository": "you/hits", "token": "job-token", "ref_name": "main"},
            "vars": {"STACKS": "staging prod", "PULUMI_BACKEND_URL": "s3://states"},
            "secrets": {"PULUMI_CONFIG_PASSPHRASE": "passphrase", "KUBECONFIG": "contexts: []"},
            **contexts,
        }
        (root / "bin").mkdir()
        (root / "environment").mkdir()
        for program in PROGRAMS:
            (root / "bin" / program).symlink_to(shutil.which(program) or "")
        for name in ("make", "gh", "pulumi"):
            self._stub(root / "bin" / name)
        report = json.dumps({"stacks": [stack("staging"), stack("prod")]})
        pull = {
            "merged_at": "2026-01-01",
            "base": {"ref": "main"},
            "head": {"sha": "abc"},
            "labels": event.get("pull_request", {}).get("labels", []),
        }
        for file, text in {
            "calls": "",
            "codes": "",
            "report.md": "<!-- slipway preview -->\n\nthe report\n",
            "report.html": "",
            "report.json": report,
            "reviewed.json": report,
            "pulls": json.dumps([pull]),
            "runs": '[{"databaseId": 42}]',
            "stacks": "[]",
        }.items():
            (root / file).write_text(text)

    def _stub(self, file: Path) -> None:
        file.write_text(STUB.format(root=self.root))
        file.chmod(0o755)

    def fail(self, pattern: str, code: int = 1) -> None:
        """Let each command that matches a pattern of bash end with a code."""
        with (self.root / "codes").open("a") as codes:
            codes.write(f"{pattern}:{code}\n")

    @property
    def calls(self) -> list[str]:
        """The commands that the stubs got, in order."""
        return (self.root / "calls").read_text().splitlines()

    def environment(self, start: str) -> str:
        """Return the environment of the only command that begins so."""
        [file] = (self.root / "environment").glob(f"{start}*")
        return file.read_text()

    def run(self, name: str) -> dict[str, str]:
        """Run a workflow; return the result of each job."""
        workflow = yaml.safe_load((PROJECT / f".github/workflows/{name}.yml").read_text())
        shell = workflow.get("defaults", {}).get("run", {}).get("shell")
        self.contexts["needs"] = {}
        results: dict[str, str] = {}
        for job_name, job in workflow["jobs"].items():
            ok = "needs" not in job or results[job["needs"]] == "success"
            if self._condition(job, ok):
                results[job_name] = self._job(job, self.root / job_name, shell)
            else:
                results[job_name] = "skipped"
            outputs = {key: self.filled(value) for key, value in job.get("outputs", {}).items()}
            self.contexts["needs"][job_name] = {"outputs": outputs}
        return results

    def _job(self, job: Mapping[str, Any], workspace: Path, shell: str | None) -> str:
        workspace.mkdir()
        (workspace / "temp").mkdir()
        self.contexts["steps"] = {}
        self.contexts["env"] = {key: self.filled(value) for key, value in job.get("env", {}).items()}
        ok = self._steps(job["steps"], workspace, shell)
        assert not [*(workspace / "temp").glob("kubeconfig*")], "the kubeconfig outlives its step"
        return "success" if ok else "failure"

    def _steps(self, steps: list[dict[str, Any]], workspace: Path, shell: str | None) -> bool:
        ok = True
        for step in steps:
            if self._condition(step, ok):
                done = (
                    self._script(step, workspace, shell)
                    if "run" in step
                    else self._use(step, workspace, shell)
                )
                ok = ok and done
        return ok

    def _script(self, step: Mapping[str, Any], workspace: Path, shell: str | None) -> bool:
        output = workspace / "temp/output"
        output.write_text("")
        environment = {
            "PATH": str(self.root / "bin"),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.root / "summary"),
            "GITHUB_REPOSITORY": "you/hits",
            "GITHUB_SHA": "merged",
            "GITHUB_REF_NAME": "main",
            "RUNNER_TEMP": str(workspace / "temp"),
            **self.contexts["env"],
            **{key: self.filled(value) for key, value in step.get("env", {}).items()},
        }
        (script := workspace / "temp/script.sh").write_text(self.filled(step["run"]))
        command = [*SHELLS[step.get("shell", shell)], str(script)]
        code = subprocess.run(command, cwd=workspace, env=environment, check=False).returncode
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        self.contexts["steps"][step.get("id")] = {"outputs": outputs}
        return code == 0

    def _use(self, step: Mapping[str, Any], workspace: Path, shell: str | None) -> bool:
        inputs = {key: self.filled(value) for key, value in step.get("with", {}).items()}
        action = step["uses"].partition("@")[0]
        if action == "actions/checkout":
            for folder in (".github", "policy"):
                ignore = shutil.ignore_patterns(".venv", "__pycache__")
                shutil.copytree(PROJECT / folder, workspace / folder, ignore=ignore)
            shutil.copy(PROJECT / "Pulumi.dev.yaml", workspace)
            (workspace / ".venv/bin").mkdir(parents=True)
            (workspace / ".venv/bin/python").symlink_to(PROJECT / ".venv/bin/python")
            self._stub(workspace / ".venv/bin/slipway")
        elif action == "actions/upload-artifact" and (workspace / inputs["path"]).exists():
            shutil.copytree(workspace / inputs["path"], self.root / "artifacts" / inputs["name"])
        elif action == "actions/download-artifact":
            shutil.copytree(self.root / "artifacts" / inputs["name"], workspace / inputs["path"])
        elif action.startswith("./"):
            composite = yaml.safe_load((workspace / action / "action.yml").read_text())
            defaults = {key: value.get("default", "") for key, value in composite["inputs"].items()}
            assert inputs.keys() <= defaults.keys()
            self.contexts["inputs"] = {**defaults, **inputs}
            return self._steps(composite["runs"]["steps"], workspace, None)
        return True

    def _condition(self, part: Mapping[str, Any], ok: bool) -> bool:
        text = str(part.get("if", "true")).removeprefix("${{").removesuffix("}}")
        return bool(self._evaluate(text, ok)) and (ok or bool(STATUS.search(text)))

    def filled(self, value: Any) -> str:
        """Return a value with its expressions replaced."""

        def text(match: re.Match[str]) -> str:
            result = self._evaluate(match[1], ok=True)
            return str(result).lower() if isinstance(result, bool) else str(result)

        return re.sub(r"\$\{\{(.*?)\}\}", text, str(value), flags=re.DOTALL)

    def _evaluate(self, expression: str, ok: bool) -> Any:
        code = TOKENS.sub(_python, expression)
        functions = {
            "contains": lambda items, item: item in items,
            "always": lambda: True,
            "cancelled": lambda: False,
            "success": lambda: ok,
            "true": True,
        }
        return eval(code.strip(), {"look_up": self._look_up, **functions})  # noqa: S307 # from our own files

    def _look_up(self, path: str) -> Any:
        value: Any = self.contexts
        for key in path.replace(".*.", ".*").split("."):
            if key.startswith("*"):
                value = [item[key[1:]] for item in value]
            else:
                value = value.get(key, "") if isinstance(value, Mapping) else ""
        return value


def _python(match: re.Match[str]) -> str:
    if match["text"] is not None:
        return repr(match["text"].replace("''", "'"))
    if operator := match["operator"]:
        return OPERATORS.get(operator, operator)
    if not (name := match["name"]):
        return " "
    called = match.string[match.end() :].startswith("(")
    return name if called or name == "true" else f"look_up({name!r})"


def stack(name: str, **values: Any) -> dict[str, Any]:
    """Return a stack of a report."""
    resource = {"urn": "urn:web", "op": "update", "level": "safe", "properties": []}
    facts = {"name": name, "status": "changed", "level": "safe", "resources": [resource], "violations": []}
    consequence = {"concern": "image", "reason": "a new image", "details": ["1a2b3c a commit"]}
    return {**facts, "consequences": [consequence], "messages": [], "notes": [], **values}
