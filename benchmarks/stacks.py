"""Deployed copies of the project, which measurements change."""

import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.platform.instance import Instance

PROJECT = Path(__file__).parent.parent
REPLICAS = 3  # the default


@dataclass
class Stack:
    """A deployed copy of the project."""

    name: str
    directory: Path
    namespace: str = ""

    @property
    def repository(self) -> str:
        """The repository of its images."""
        return f"{Instance.from_environment().registry}/benchmarks/{self.name}"

    def run(self, *command: str, environment: dict[str, str] | None = None) -> str:
        """Run a command in the copy and return its output; exit with the output if it fails."""
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, env=environment)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        return done.stdout

    def copy(self) -> None:
        """Copy the project's files."""
        tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=PROJECT, text=True).split("\0")
        for path in filter(lambda path: (PROJECT / path).is_file(), tracked):
            (self.directory / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / path, self.directory / path)

    def create(
        self, program: str | None = None, base: str = "dev", web: Mapping[str, int] = {"replicas": REPLICAS}
    ) -> None:
        """Create the stack from the file of another, with the project's program or with another program."""
        self.copy()
        (self.directory / ".venv").symlink_to(PROJECT / ".venv")
        if program is not None:
            (self.directory / "__main__.py").write_text(program)
        shutil.copy(self.directory / f"Pulumi.{base}.yaml", self.directory / f"Pulumi.{self.name}.yaml")
        self.run("pulumi", "stack", "init", self.name)
        self.run("pulumi", "config", "set", "slipway:repository", self.repository)
        if base != "local":
            self.run("pulumi", "config", "set", "kubernetes:context", Instance.from_environment().name)
        for key, value in web.items():
            self.run("pulumi", "config", "set", "--path", f"slipway:web.{key}", str(value))
        self.run("pulumi", "up", "--yes", "--skip-preview")
        if program is None:
            self.namespace = self.run("pulumi", "stack", "output", "namespace").strip()

    def change(self) -> str:
        """Change one line of the source, and return the new text in it, which the application answers."""
        mark = secrets.token_hex(6)
        path = "app/hitcounter/web.py"
        before = (PROJECT / path).read_text()
        after = before.replace('f"hits={count} ', f'f"{mark} hits={{count}} ')
        assert after != before
        (self.directory / path).write_text(after)
        return mark

    def rollout(self) -> None:
        """Wait until all replicas serve the change."""
        self.run("kubectl", "rollout", "status", "deployment/web", "-n", self.namespace, "--timeout=120s")

    def destroy(self) -> None:
        """Remove the stack, also after a failure."""
        if not self.directory.exists():
            return
        for command in (["destroy", "--yes", "--skip-preview"], ["stack", "rm", "--yes", self.name]):
            subprocess.run(["pulumi", *command], cwd=self.directory, capture_output=True, check=False)
