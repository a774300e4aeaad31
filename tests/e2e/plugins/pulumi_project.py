"""Pulumi projects in temporary directories, operated through the command line."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

VIRTUALENV = Path(sys.executable).parents[1]


@dataclass(frozen=True)
class Step:
    """What an operation did to a resource, or would do; `paths` are those of its detailed diff."""

    op: str
    paths: tuple[str, ...] = ()

    def format(self, **values: str) -> "Step":
        """The same step, its paths filled in."""
        return replace(self, paths=tuple(path.format(**values) for path in self.paths))


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    output: str
    errors: str
    events: list[dict[str, Any]] = field(repr=False)

    @property
    def steps(self) -> dict[str, Step]:
        """Each Kubernetes resource's step, by its name in the program; of a refresh, what it found."""
        steps: dict[str, list[Step]] = {}
        for event in self.events:
            before = (event.get("resourcePreEvent") or {}).get("metadata")
            after = (event.get("resOutputsEvent") or {}).get("metadata")
            data = before or after
            if not data or not data["type"].startswith("kubernetes:"):
                continue
            done = steps.setdefault(data["urn"].rpartition("::")[2], [])
            step = Step(data["op"], tuple(sorted(data.get("detailedDiff") or {})))
            if before:
                done.append(step)
            elif done[-1].op == "refresh":
                done[-1] = step
        return {name: _whole(done) for name, done in steps.items()}

    @property
    def changes(self) -> dict[str, Step]:
        """The steps but for those that leave a resource, or the state of it, as it is."""
        nothing = (Step("same"), Step("refresh"))
        return {name: step for name, step in self.steps.items() if step not in nothing}

    @property
    def failures(self) -> str:
        """The error messages that the user sees."""
        diagnostics = (event.get("diagnosticEvent") or {} for event in self.events)
        return "".join(each["message"] for each in diagnostics if each.get("severity") == "error")


def _whole(steps: Iterable[Step]) -> Step:
    """A replacement has several events: the event `replace` has all its properties."""
    steps = list(steps)
    changes = [step for step in steps if step not in (Step("same"), Step("refresh"))]
    return next((step for step in changes if step.op == "replace"), (changes or steps)[0])


class Project:
    """A project with one stack, in a directory and with a backend of its own."""

    def __init__(self, directory: Path, environment: Mapping[str, str], **options: str) -> None:
        self.directory = directory
        self.environment: dict[str, str] = {}
        self.use(environment)
        (directory / "backend").mkdir(parents=True)
        options = {"toolchain": "pip", "virtualenv": str(VIRTUALENV), **options}
        runtime = {"name": "python", "options": options}
        self.write("Pulumi.yaml", json.dumps({"name": "suite", "runtime": runtime}))
        self.pulumi("stack", "init", "dev")

    def use(self, environment: Mapping[str, str]) -> None:
        """Run the next commands in another environment; the stack stays."""
        self.environment = {
            **environment,
            "PULUMI_BACKEND_URL": f"file://{self.directory}/backend",
            "PULUMI_STACK": "dev",
            "PULUMI_DEBUG_COMMANDS": "true",  # for --event-log
        }

    def write(self, name: str, text: str) -> None:
        """Write a file of the project; its text may be indented as a whole."""
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip())

    def configure(self, **settings: Any) -> None:
        """Add settings to Pulumi.yaml."""
        present = json.loads((self.directory / "Pulumi.yaml").read_text())
        self.write("Pulumi.yaml", json.dumps({**present, **settings}))

    def pulumi(self, *words: str, check: bool = True, cwd: str = ".", timeout: float = 300) -> Outcome:
        """Run a command; one that fails fails the test, unless `check` is off."""
        done = subprocess.run(
            ("pulumi", *words, "--non-interactive"), cwd=self.directory, env=self.environment,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr, [])

    def operate(self, operation: str, *words: str, check: bool = True) -> Outcome:
        """Run up, preview, refresh, destroy or import, and keep the engine's events."""
        log = self.directory / "events.json"
        log.unlink(missing_ok=True)
        agreed = () if operation == "preview" else ("--yes", "--skip-preview")
        done = self.pulumi(operation, *agreed, "--event-log", str(log), *words, check=check)
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        return replace(done, events=events)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, secrets in the clear."""
        done = self.pulumi("stack", "output", "--json", "--show-secrets")
        return dict(json.loads(done.output))
