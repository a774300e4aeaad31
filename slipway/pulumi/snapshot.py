"""One of the stacks of a promotion, with everything that is known of it."""

import getpass
import os
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject, objects_in_state
from slipway.images.references import Image
from slipway.promotion.receipts import Receipts
from slipway.pulumi.project import Project, Stack
from slipway.pulumi.stack_file import StackFile
from slipway.pulumi.updates import ConfigValue, Update

IMAGE = "image"
"""The key of the stack file, and the output of the stack, that name the version by digest."""
REPOSITORY = "repository"
BUILD = "build"
"""The key that a stack has in place of IMAGE when it builds."""


@dataclass(frozen=True)
class StackSnapshot:
    """A stack as it was when it was read."""

    stack: Stack
    project: str
    config: Mapping[str, ConfigValue]
    cluster: Cluster
    state: Mapping[str, Any]

    @classmethod
    def read(cls, project: Project, name: str) -> "StackSnapshot":
        """Ask the backend for a stack; SlipwayError when it has none, or the stack pins no context."""
        stack = project.stack(name)
        with ThreadPoolExecutor(2) as pool:  # each starts a pulumi
            config, state = pool.submit(stack.config), pool.submit(stack.state)
        settings = config.result()
        return cls(
            stack, project_name(project), settings, Cluster.from_config(stack, settings), state.result()
        )

    def reload(self) -> "StackSnapshot":
        """Read its state anew."""
        return StackSnapshot(self.stack, self.project, self.config, self.cluster, self.stack.state())

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.stack.name

    @property
    def file(self) -> StackFile:
        """The file with the line that a promotion changes."""
        return stack_file(self.stack)

    @property
    def receipts(self) -> Receipts:
        """What was promoted to it."""
        return Receipts(self.cluster, self.project, self.name)

    @property
    def objects(self) -> list[StackObject]:
        """Its objects in the cluster, as its state knows them."""
        return objects_in_state(self.state)

    @property
    def repository(self) -> str:
        """Where its images are pulled from; empty when it does not say."""
        setting = self.config.get(f"{self.project}:{REPOSITORY}")
        return (setting.value or "") if setting else ""

    @property
    def image(self) -> Image | None:
        """What it runs, as its last update left it; None when it was never deployed."""
        found = self.outputs.get(IMAGE)
        return Image.parse(found, self.repository) if isinstance(found, str) else None

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The outputs of its program, as they lie in the state."""
        resources = self.state["deployment"].get("resources") or []
        root: Mapping[str, Any] = next((one for one in resources if one["type"] == "pulumi:pulumi:Stack"), {})
        return root.get("outputs") or {}

    @cached_property
    def updates(self) -> list[Update]:
        """Its last few operations, the latest first, as they were when first asked for."""
        return self.stack.history(last=5)

    @property
    def broken(self) -> list[str]:
        """Operations that were under way when an update died."""
        pending = self.state["deployment"].get("pending_operations") or []
        return [f"{one['type']} {one['resource']['urn'].rpartition('::')[2]}" for one in pending]


def stack_file(stack: Stack) -> StackFile:
    """Return a stack's file, whether or not the backend has the stack."""
    return StackFile(stack.file, f"{project_name(stack.project)}:{IMAGE}")


def project_name(project: Project) -> str:
    """Return the project's name, which is the namespace of its configuration keys."""
    document = yaml.safe_load((project.directory / "Pulumi.yaml").read_text())
    return str(document["name"])


def who() -> str:
    """Return who runs this: whoever started the CI job, else git's user, else the machine's."""
    for name in ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"):
        if os.environ.get(name):
            return os.environ[name]
    return git("config", "user.email") or getpass.getuser()


def git(*words: str, directory: Path | None = None) -> str:
    """Return what git says; empty where it says nothing, as outside of a repository."""
    try:
        done = subprocess.run(("git", *words), capture_output=True, text=True, cwd=directory, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
