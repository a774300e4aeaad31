"""Pulumi projects that run on plugins of a chosen origin, through the command line."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.instance import Instance
from sandbox.plugins.install import CHOICE, PLUGINS, STAND_INS, in_use, install

STAND_IN, OFFICIAL = "stand-in", "official"
ORIGINS = (STAND_IN, OFFICIAL)
VIRTUALENV = Path(sys.executable).parents[1]
IMAGE = "python:3.11-slim-bookworm"
NO_IMAGE = f"{Instance.from_environment().registry}/library/nothing:typo"


def environment(
    sandbox: Mapping[str, str], origin: str, needed: str, directory: Path, *, alone: bool = False
) -> dict[str, str]:
    """The sandbox's environment with a Pulumi of its own, which has the plugins of one origin.

    Skips the test when the official plugin that it `needed` is not on this machine. If that is to be `alone`,
    the others are stand-ins.
    """
    # Apart from what may lie beside the sandbox's own pulumi, which would be run in any case.
    programs = directory / "bin"
    programs.mkdir(parents=True)
    found = shutil.which("pulumi", path=sandbox["PATH"])
    assert found, "the sandbox has no pulumi"
    shutil.copy2(Path(found).resolve(), programs / "pulumi")
    choice = (
        STAND_INS if origin == STAND_IN else str(_officials(sandbox, directory / "official", needed, alone))
    )
    own = {
        **sandbox,
        "PATH": f"{programs}{os.pathsep}{sandbox['PATH']}",
        "PULUMI_HOME": str(directory / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_DEBUG_COMMANDS": "true",  # for --event-log
        CHOICE: choice,
    }
    own.pop("PULUMI_CONFIG_PASSPHRASE_FILE")
    using = {one.plugin.name: one.official for one in install(own)}
    assert using[needed] is (origin == OFFICIAL)
    for plugin in Path(sandbox["PULUMI_HOME"], "plugins").glob("resource-docker-build-v*/"):
        (directory / "home/plugins" / plugin.name).symlink_to(plugin)  # or each command tries to download it
    return own


def _officials(sandbox: Mapping[str, str], directory: Path, needed: str, alone: bool) -> Path:
    """A directory with the official plugins that this machine has."""
    named = sandbox.get(CHOICE, "")
    if named and named != STAND_INS:
        paths = {plugin: Path(named, plugin.executable).absolute() for plugin in PLUGINS}
        official = {plugin: path for plugin, path in paths.items() if path.exists()}
    else:
        official = {one.plugin: one.path for one in in_use(sandbox) if one.official}
    if all(plugin.name != needed for plugin in official):
        pytest.skip(f"not run: no official plugin ({needed})")
    directory.mkdir()
    for plugin, path in official.items():
        if plugin.name == needed or not alone:
            for name in (plugin.executable, *plugin.beside):
                (directory / name).symlink_to(path.with_name(name))
    return directory


def kubectl(sandbox: Mapping[str, str], *arguments: str) -> str:
    """Return what kubectl prints."""
    return subprocess.check_output(("kubectl", *arguments), env=sandbox, text=True)


@dataclass(frozen=True)
class Step:
    """What an operation did to a resource, or would do; `paths` are those of its detailed diff."""

    op: str
    paths: tuple[str, ...] = ()


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
        """The errors that the user was told."""
        told = (event.get("diagnosticEvent") or {} for event in self.events)
        return "".join(one["message"] for one in told if one.get("severity") == "error")


def _whole(steps: Iterable[Step]) -> Step:
    """A replacement comes as several events: the one named `replace` tells of it all."""
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
        """Go on with other plugins; the stack stays."""
        backend = f"file://{self.directory}/backend"
        self.environment = {**environment, "PULUMI_BACKEND_URL": backend, "PULUMI_STACK": "dev"}

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
