"""A fresh clone of the project, for a user with a home and a Pulumi login."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.program.conftest import INSTANCE, PROJECT


@dataclass(frozen=True)
class Clone:
    """The project as git has it, in a directory of its own."""

    directory: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def create(cls, directory: Path, home: Path, **variables: str) -> "Clone":
        """Copy the project's files; the virtualenv is a link, because its installation takes minutes."""
        tracked = subprocess.check_output(("git", "ls-files", "-z"), cwd=PROJECT, text=True).split("\0")
        for path in filter(lambda path: (PROJECT / path).is_file(), tracked):
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / path, directory / path)
        (directory / ".venv").symlink_to(PROJECT / ".venv")
        (home / ".pulumi").mkdir()
        (home / ".pulumi/credentials.json").write_text('{"current": "file:///elsewhere"}')
        if (config_home := Path.home() / ".config").exists():  # the package index's settings
            (home / ".config").symlink_to(config_home)
        return cls(directory, home, variables)

    @property
    def environment(self) -> dict[str, str]:
        instance = {
            "XDG_STATE_HOME": str(INSTANCE.state_home.parent),
            "XDG_CACHE_HOME": str(INSTANCE.cache_home.parent),
        }
        return {**os.environ, "HOME": str(self.home), **instance, **self.variables}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def git(self, *command: str) -> str:
        return self.run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", *command)

    def commit(self) -> None:
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "start")):
            self.git(*command)

    def files(self) -> dict[str, bytes]:
        """Return the files in the user's home, without the caches of installers, compilers and clients."""
        caches = (".cache", ".config", ".kube/cache", "go/pkg")
        files = (path for path in self.home.rglob("*") if path.is_file())
        names = {path.relative_to(self.home).as_posix(): path.read_bytes() for path in files}
        return {name: content for name, content in names.items() if not name.startswith(caches)}
