"""Tools are built once, from what determines them."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.instance import Instance, SandboxError
from sandbox.toolchain import Toolchain, key, on_path
from sandbox.tools import (
    BUILDKIT,
    BUILDX,
    DOCKER_BUILD,
    FAMILIES,
    KUBERNETES,
    PULUMI,
    SYSTEM,
    Family,
    Stage,
    Tool,
)

HELLO = 'package main\n\nfunc main() { println("hello") }\n'
FAMILY = Family("hello", Stage.CLUSTER, (Tool("hello", "."),))


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A family of one tiny program in place of the real ones."""
    directory = tmp_path / "tools/hello"
    directory.mkdir(parents=True)
    (directory / "go.mod").write_text("module hello\n\ngo 1.21\n")
    # Go would take a program that it has built before from its cache, without a word.
    (directory / "main.go").write_text(f"{HELLO}// {time.time_ns()}\n")
    monkeypatch.setattr(toolchain, "SOURCES", tmp_path / "tools")
    monkeypatch.setattr(toolchain, "FAMILIES", (FAMILY,))
    toolchain.key.cache_clear()
    return directory


def tools_of(tmp_path: Path) -> Toolchain:
    return Toolchain(Instance("test", tmp_path / "state", tmp_path / "cache"))


def test_a_tool_is_built_once_and_again_when_its_source_changes(sources: Path, tmp_path: Path) -> None:
    tools = tools_of(tmp_path)
    counted: list[tuple[int, int]] = []
    assert tools.missing(Stage.CLUSTER) == [FAMILY]
    tools.build(FAMILY, lambda done, total: counted.append((done, total)))
    assert tools.missing(Stage.CLUSTER) == []
    assert counted, "the progress of a build is told"

    (sources / "main.go").write_text(HELLO.replace("hello", "changed"))
    toolchain.key.cache_clear()
    assert tools.missing(Stage.CLUSTER) == [FAMILY]


def test_a_build_that_fails_leaves_nothing_that_looks_built(sources: Path, tmp_path: Path) -> None:
    (sources / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    tools = tools_of(tmp_path)
    with pytest.raises(SandboxError, match="undefined: nonsense"):
        tools.build(FAMILY, lambda done, total: None)
    assert tools.missing(Stage.CLUSTER) == [FAMILY]
    assert [path.name for path in (tmp_path / "cache/tools").iterdir()] == [".lock"]


def test_a_build_that_is_killed_half_way_leaves_nothing_that_looks_built(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, cache = tools_of(tmp_path), tmp_path / "cache/tools"
    (sources / "main.go").write_text('package main\n\nimport "net/http"\n\nfunc main() { http.Get("") }\n')
    # An empty cache, so that it takes long enough to be caught at work.
    monkeypatch.setenv("GOCACHE", str(tmp_path / "go"))
    building = os.fork()
    if building == 0:
        os.setsid()
        tools.build(FAMILY, lambda done, total: None)
        os._exit(0)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "go").glob("*/*")):
        assert time.monotonic() < deadline, "the compiler has not begun"
        time.sleep(0.05)
    os.killpg(building, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(building, 0)[1]) == -signal.SIGKILL
    assert [path.name[:10] for path in cache.iterdir() if path.name != ".lock"] == [".building-"]
    assert tools.missing(Stage.CLUSTER) == [FAMILY]

    monkeypatch.delenv("GOCACHE")
    (sources / "main.go").write_text(HELLO)
    key.cache_clear()
    tools.build(FAMILY, lambda done, total: None)
    assert tools.missing(Stage.CLUSTER) == []
    assert not list(cache.glob(".building-*")), "what the killed build left is swept away"


@pytest.mark.parametrize(
    ("said", "suits"),
    [
        ("Client Version: v1.34.0\n", True),
        ("Client Version: v1.36.4\n", True),
        ("Client Version: v1.32.4-dispatcher\n", False),
        ("Client Version: v1.37.0\n", False),
    ],
)
def test_kubectl_on_path_is_used_within_one_minor_version(
    said: str, suits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nprintf '{said}'\n".replace("\n'", "\\n'"))
    kubectl.chmod(0o755)
    monkeypatch.setattr(toolchain, "_search_path", lambda: f"{tmp_path}:/bin")
    on_path.cache_clear()
    tool = next(tool for tool in SYSTEM if tool.name == "kubectl")
    assert on_path(tool) == (str(kubectl) if suits else None)
    on_path.cache_clear()


def test_every_family_has_its_module_with_sums() -> None:
    for family in FAMILIES:
        directory = toolchain.SOURCES / (family.directory or family.name)
        assert (directory / "go.mod").exists() and (directory / "go.sum").exists()
    assert shutil.which("go") is None or len({key(family) for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize(
    ("family", "module", "version"),
    [
        ("buildkit", "github.com/moby/buildkit", BUILDKIT),
        ("buildkit", "github.com/docker/buildx", BUILDX),
        ("kubernetes", "k8s.io/kubernetes", KUBERNETES),
        ("pulumi", "github.com/pulumi/pulumi/pkg/v3", PULUMI),
        ("docker-build", "github.com/pulumi/pulumi-docker-build", DOCKER_BUILD),
    ],
)
def test_a_tool_tells_the_version_that_its_module_pins(family: str, module: str, version: str) -> None:
    required = (toolchain.SOURCES / family / "go.mod").read_text().replace(" // indirect", "").splitlines()
    assert f"\t{module} v{version}" in required
