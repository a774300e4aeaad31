"""Each command block of the README, executed in its order in fresh clones of the project.

A user's own things are replaced: the cluster and the registry by the tests' platform, answers by `--yes`. The
virtualenv is a link. The stacks are smaller, because other tests use the same nodes at the same time.
"""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from platform import machine
from typing import Any

import httpx
import pytest
import yaml

from sandbox.platform.images import ARCHITECTURES
from tests.e2e.conftest import Ending
from tests.e2e.program.clone import Clone
from tests.e2e.program.conftest import INSTANCE, LITTLE
from tests.readme import console_blocks

BLOCKS = console_blocks()
SMALL: dict[str, dict[str, Any]] = {
    "dev": {"replicas": 2},
    "staging": {"replicas": 1},
    "prod": {"autoscaling": {"minReplicas": 1, "maxReplicas": 2}},
}
IN_SANDBOX = 'eval "$(.venv/bin/sandbox env)"'
CHANGE = r"sed -i s/Visits/Calls/ app/hitcounter/templates/index.html"


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


PORT = unused_port()
SUBSTITUTES = {
    "kind-kind": INSTANCE.name,
    "ghcr.io/you/hits": f"{INSTANCE.registry}/hits",
    "your-namespace": "slipway-dev",
    "linux/arm64": f"linux/{ARCHITECTURES[machine()]}",
    "inspect python:": f"inspect {INSTANCE.registry}/library/python:",
    "--secret registryCredentials": "--secret registryCredentials <<<user:token",
    # The exit code says that there are changes.
    "slipway preview": "slipway preview --fail-on never",
    # The program cannot read the base image of a mirror that only the builder knows.
    "slipway outdated": "slipway outdated || [ $? = 2 ]",
    # Without a terminal, these need an answer to their question.
    "pulumi up": "pulumi up --yes",
    "pulumi new": (
        f"pulumi new --yes --name shop --stack dev --config kubernetes:context={INSTANCE.name} "
        f"--config repository={INSTANCE.registry}/shop"
    ),
    "pulumi destroy": "pulumi destroy --yes",
    "pulumi stack rm": "pulumi stack rm --yes",
    "slipway promote": "slipway promote --yes",
    "slipway rollback": "slipway rollback --yes",
    "slipway recover": "slipway recover --yes",
    # The command runs until Ctrl-C, which bash withholds from background processes; SIGTERM ends it too.
    "slipway open dev web --port 8080": (
        f"slipway open dev web --port {PORT} --no-browser & "
        f"curl --no-progress-meter --fail --retry 30 --retry-connrefused --retry-delay 1 "
        f"http://127.0.0.1:{PORT}/ >page; kill $!; wait $! || true"
    ),
    # Other tests need the platform and its tools: these commands delete those of an instance without any.
    "make down": "env $NOTHING make down",
    "sandbox purge": "env $NOTHING sandbox purge",
    "go clean": "env $NOTHING go clean",
    # The target that runs this test, and its parts. Also in a dry run, make executes recipes that call make.
    **{
        f"make {target}": f"env $NOTHING make --dry-run {target}"
        for target in ("check", "unit", "e2e", "test")
    },
}


def script(*parts: str) -> str:
    """Return a shell script, with the user's own things replaced."""
    text = "\n".join(parts)
    for words, substitute in SUBSTITUTES.items():
        text = text.replace(words, substitute)
    return text


@pytest.fixture
def clone(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Clone:
    nothing = tmp_path_factory.mktemp("nothing")
    names = ("XDG_STATE_HOME", "XDG_CACHE_HOME", "GOCACHE", "GOMODCACHE")
    elsewhere = [f"{name}={nothing / name.lower()}" for name in names]
    clone = Clone.create(
        tmp_path_factory.mktemp("clone"),
        tmp_path_factory.mktemp("home"),
        NOTHING=" ".join((*elsewhere, "SANDBOX_NAME=nothing", "TEST_SANDBOX=nothing")),
    )
    for name, web in SMALL.items():
        file = clone.directory / f"Pulumi.{name}.yaml"
        content = yaml.safe_load(file.read_text())
        content["config"] |= {
            "kubernetes:context": INSTANCE.name,
            "slipway:repository": f"{INSTANCE.registry}/hits",
            "slipway:web": {**web, "resources": LITTLE},
        }
        file.write_text(yaml.safe_dump(content))
    clone.commit()
    return clone


@pytest.fixture
def deployed(clone: Clone, ending: Ending) -> Iterator[Clone]:
    """A clone whose stacks are destroyed at the end, whatever fails."""
    yield clone
    exists = "pulumi stack output --stack $0 >/dev/null 2>&1 || exit 0"
    destroy = f"{exists}; pulumi destroy --stack $0 --yes --skip-preview --remove"
    for name in SMALL:
        ending(partial(clone.run, "bash", "-ec", f"{IN_SANDBOX}; {destroy}", name))


def run(clone: Clone, *parts: str) -> str:
    return clone.run("bash", "-exuo", "pipefail", "-c", script(*parts))


def test_every_section_with_commands_is_executed() -> None:
    executed = re.findall(r'BLOCKS\["(.+?)"\]', Path(__file__).read_text())
    assert set(executed) == set(BLOCKS)


def test_every_substitute_is_for_words_of_the_readme() -> None:
    commands = "\n".join(block for blocks in BLOCKS.values() for block in blocks)
    assert [words for words in SUBSTITUTES if words not in commands] == []


def test_your_own_cluster(clone: Clone) -> None:
    """The platform is the user's cluster, on which an administrator creates the namespace."""
    run(clone, IN_SANDBOX, "kubectl create namespace your-namespace")
    try:
        run(clone, IN_SANDBOX, *BLOCKS["Quick start on your own cluster"])
    finally:
        run(clone, IN_SANDBOX, "kubectl delete namespace your-namespace")
    assert "Visits" in (clone.directory / "page").read_text()


def test_nothing_and_promotions(deployed: Clone) -> None:
    """Prod already runs a version when a change is made; the platform is removed after everything else."""
    *start, remove = BLOCKS["Quick start with nothing"]
    before = (*start, "slipway promote dev prod", CHANGE)
    promotions, bring = BLOCKS["See, apply, promote, roll back"], BLOCKS["Bring your own application"]
    output = run(deployed, *before, *promotions, *bring, remove)
    assert "Running at http" in output
    assert "Digest:" in output


def test_a_project_of_your_own(clone: Clone, ending: Ending) -> None:
    """The new project is deployed, with its own packages, and its command knows the stack."""
    run(clone, IN_SANDBOX, *BLOCKS["A project of your own"])
    project = clone.directory.parent / "shop"
    file = project / "Pulumi.dev.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["shop:web"] = {"replicas": 1, "resources": LITTLE}
    file.write_text(yaml.safe_dump(content))
    new = replace(clone, directory=project)
    enter = IN_SANDBOX.replace(".venv", str(clone.directory / ".venv"))
    try:
        run(new, enter, "pulumi up --stack dev --skip-preview")
        url = run(new, enter, "pulumi stack output --stack dev url").strip()
        assert "Visits" in httpx.get(url, timeout=10).raise_for_status().text
        assert " healthy " in run(new, enter, ".venv/bin/python -m slipway status")
    finally:
        ending(partial(run, new, enter, "pulumi destroy --stack dev --skip-preview --remove"))


def test_development(clone: Clone) -> None:
    """`make help` runs; the others are this test run, so make shows only what they would do."""
    output = run(clone, *BLOCKS["Development"])
    assert "make soak" in output and "tests/e2e/image" in output
