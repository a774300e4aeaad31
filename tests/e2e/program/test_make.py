"""`make up`, as it is typed in a fresh clone: what it says, and what it leaves alone."""

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.program.conftest import INSTANCE, LITTLE, PROJECT
from tests.e2e.sandbox.cluster import eventually


@dataclass(frozen=True)
class Clone:
    """The project as git has it, and a user with a home and a Pulumi login of their own."""

    directory: Path
    home: Path
    stack: str

    @property
    def environment(self) -> dict[str, str]:
        instance = {
            "XDG_STATE_HOME": str(INSTANCE.state_home.parent),
            "XDG_CACHE_HOME": str(INSTANCE.cache_home.parent),
        }
        return {**os.environ, "HOME": str(self.home), **instance}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def make(self, target: str) -> str:
        return self.run("make", target, f"STACK={self.stack}")

    def git(self, *command: str) -> str:
        return self.run("git", "-c", "user.name=t", "-c", "user.email=t@localhost", *command)

    def files(self) -> dict[str, bytes]:
        """Return the files in the user's home, without the caches of installers, compilers and clients."""
        caches = (".cache", ".config", ".kube/cache", "go/pkg")
        found = (path for path in self.home.rglob("*") if path.is_file())
        names = {path.relative_to(self.home).as_posix(): path.read_bytes() for path in found}
        return {name: content for name, content in names.items() if not name.startswith(caches)}


@pytest.fixture(scope="module")
def clone(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    it = Clone(
        tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("home"), f"make-{uuid.uuid4().hex[:6]}"
    )
    tracked = subprocess.check_output(("git", "ls-files", "-z"), cwd=PROJECT, text=True).split("\0")
    for path in filter(lambda path: (PROJECT / path).is_file(), tracked):
        (it.directory / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / path, it.directory / path)
    (it.directory / ".venv").symlink_to(PROJECT / ".venv")
    web = {"replicas": 2, "resources": LITTLE}
    own = {"repository": f"{INSTANCE.registry}/hits", "build": "app", "web": web}
    config = {"kubernetes:context": INSTANCE.name, **{f"slipway:{key}": value for key, value in own.items()}}
    (it.directory / f"Pulumi.{it.stack}.yaml").write_text(yaml.safe_dump({"config": config}))
    (it.home / ".pulumi").mkdir()
    (it.home / ".pulumi/credentials.json").write_text('{"current": "file:///elsewhere"}')
    if (config_home := Path.home() / ".config").exists():  # the package index's settings
        (it.home / ".config").symlink_to(config_home)
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "one")):
        it.git(*command)
    yield it
    it.make("destroy")
    it.run("bash", "-c", f'eval "$(.venv/bin/sandbox env)"; pulumi stack rm --yes {it.stack}')


def test_make_up_deploys_and_shows_what_runs(clone: Clone) -> None:
    before = clone.files()
    shown = clone.make("up")
    for part in ("slipway:components:WebService", "kubernetes:apps/v1:Deployment", "Running at http://"):
        assert part in shown
    first = re.search(r"hits=(\d+) version=(\w+) pod=web-", shown)
    assert first
    again = re.search(r"hits=(\d+) version=(\w+) pod=web-", clone.make("up"))
    assert again
    assert int(again[1]) == int(first[1]) + 1, "the count rises"
    assert again[2] == first[2], "nothing was built anew"
    assert clone.git("status", "--porcelain") == ""
    assert clone.files() == before, "the user's own login and files are left alone"


def test_a_changed_line_is_live_after_the_next_up(clone: Clone) -> None:
    page = clone.directory / "app/hitcounter/templates/index.html"
    page.write_text(page.read_text().replace("Visits so far", "Visits up to now"))
    [url] = re.findall(r"Running at (\S+),", clone.make("up"))
    # The last of the old pods may answer on until each node knows that it is being stopped.
    eventually(
        "the new line is live", lambda: "Visits up to now" in clone.run("curl", "-sf", url), seconds=10
    )
    clone.git("checkout", "--quiet", ".")
