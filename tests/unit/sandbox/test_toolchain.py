"""Tools are compiled once, and again when their sources change."""

import os
import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.platform.instance import Instance, SandboxError
from sandbox.tools import reachability, toolchain
from sandbox.tools.catalogue import (
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
from sandbox.tools.toolchain import Toolchain, key, on_path

HELLO = 'package main\n\nfunc main() { println("hello") }\n'
FAMILY = Family("hello", Stage.CLUSTER, "hello", (Tool("hello", "./hello"),))


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the families by one with a tiny program."""
    module = tmp_path / "tools/hello"
    directory = module / "hello"
    directory.mkdir(parents=True)
    (module / "go.mod").write_text("module hello\n\ngo 1.21\n")
    (module / "go.sum").touch()
    # Go takes a known program from its cache, without output.
    (directory / "main.go").write_text(f"{HELLO}// {time.time_ns()}\n")
    monkeypatch.setattr(toolchain, "SOURCES", tmp_path / "tools")
    monkeypatch.setattr(toolchain, "FAMILIES", (FAMILY,))
    toolchain.key.cache_clear()
    return directory


def tools_of(tmp_path: Path) -> Toolchain:
    return Toolchain(Instance("test", tmp_path / "state", tmp_path / "cache"))


def test_a_tool_is_compiled_once_and_again_after_a_change(sources: Path, tmp_path: Path) -> None:
    tools = tools_of(tmp_path)
    counted: list[tuple[int, int]] = []
    assert tools.missing(Stage.CLUSTER) == [FAMILY]
    tools.build(FAMILY, lambda done, total: counted.append((done, total)))
    assert tools.missing(Stage.CLUSTER) == []
    assert counted, "a build reports its progress"

    (sources / "main.go").write_text(HELLO.replace("hello", "changed"))
    toolchain.key.cache_clear()
    assert tools.missing(Stage.CLUSTER) == [FAMILY]


def test_a_failed_build_leaves_no_tool(sources: Path, tmp_path: Path) -> None:
    (sources / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    tools = tools_of(tmp_path)
    with pytest.raises(SandboxError, match="undefined: nonsense"):
        tools.build(FAMILY, lambda done, total: None)
    assert tools.missing(Stage.CLUSTER) == [FAMILY]
    assert [path.name for path in (tmp_path / "cache/tools").iterdir()] == [".lock"]


def test_a_killed_build_leaves_no_tool(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, cache = tools_of(tmp_path), tmp_path / "cache/tools"
    (sources / "main.go").write_text('package main\n\nimport "net/http"\n\nfunc main() { http.Get("") }\n')
    # With an empty cache, the build takes long enough to be killed.
    monkeypatch.setenv("GOCACHE", str(tmp_path / "go"))
    building = os.fork()
    if building == 0:
        os.setsid()
        tools.build(FAMILY, lambda done, total: None)
        os._exit(0)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "go").glob("*/*")):
        assert time.monotonic() < deadline, "the compiler has not started"
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
    assert not list(cache.glob(".building-*")), "the next build removes the directory of the killed one"


@pytest.mark.parametrize(
    ("version", "suitable"),
    [
        ("Client Version: v1.34.0\n", True),
        ("Client Version: v1.36.4\n", True),
        ("Client Version: v1.32.4-dispatcher\n", False),
        ("Client Version: v1.37.0\n", False),
    ],
)
def test_kubectl_on_path_is_used_within_one_minor_version(
    version: str, suitable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\nprintf '{version}'\n".replace("\n'", "\\n'"))
    kubectl.chmod(0o755)
    monkeypatch.setattr(toolchain, "_search_path", lambda: f"{tmp_path}:/bin")
    on_path.cache_clear()
    tool = next(tool for tool in SYSTEM if tool.name == "kubectl")
    assert on_path(tool) == (str(kubectl) if suitable else None)
    on_path.cache_clear()


def test_every_family_has_a_module_with_checksums() -> None:
    for family in FAMILIES:
        directory = toolchain.SOURCES / family.module
        assert (directory / "go.mod").exists() and (directory / "go.sum").exists()
    assert shutil.which("go") is None or len({key(family) for family in FAMILIES}) == len(FAMILIES)


@pytest.mark.parametrize(
    ("directory", "module", "version"),
    [
        ("platform", "github.com/moby/buildkit", BUILDKIT),
        ("platform", "github.com/docker/buildx", BUILDX),
        ("platform", "k8s.io/kubernetes", KUBERNETES),
        ("platform", "github.com/pulumi/pulumi-docker-build", DOCKER_BUILD),
        ("pulumi", "github.com/pulumi/pulumi/pkg/v3", PULUMI),
    ],
)
def test_the_module_pins_the_version_of_the_tool(directory: str, module: str, version: str) -> None:
    assert re.search(rf"\t{module} v{version}\s", (toolchain.SOURCES / directory / "go.mod").read_text())


@pytest.mark.parametrize("reachable", [True, False])
def test_a_plugin_is_compiled_only_without_downloads(
    reachable: bool, sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = replace(FAMILY, tools=(Tool("hello", "./hello", plugin=True),))
    monkeypatch.setattr(toolchain, "FAMILIES", (family,))
    monkeypatch.setattr(reachability, "pulumi_releases", lambda: reachable)
    assert tools_of(tmp_path).missing(Stage.CLUSTER) == ([] if reachable else [family])


def test_an_executable_gets_the_name_of_its_tool(sources: Path, tmp_path: Path) -> None:
    family = replace(FAMILY, tools=(Tool("greeter", "./hello", built="hello"),))
    tools_of(tmp_path).build(family, lambda done, total: None)
    (directory,) = (tmp_path / "cache/tools").glob("hello-*")
    assert [path.name for path in directory.iterdir()] == ["greeter"]


def test_build_tags_leave_files_out(sources: Path, tmp_path: Path) -> None:
    (sources / "broken.go").write_text("//go:build !small\n\npackage main\n\nfunc init() { nonsense }\n")
    family = replace(FAMILY, tags=("small",))
    tools_of(tmp_path).build(family, lambda done, total: None)
    assert list((tmp_path / "cache/tools").glob("hello-*/hello"))


def test_the_files_of_a_family_are_copied_from_their_module(sources: Path, tmp_path: Path) -> None:
    data = sources.parent / "data"
    data.mkdir()
    (data / "schema.json").write_text("{}")
    family = replace(FAMILY, files=("hello//data/schema.json",))
    tools = tools_of(tmp_path)
    tools.build(family, lambda done, total: None)
    (built,) = (tmp_path / "cache/tools").glob("hello-*/schema.json")
    assert built.read_text() == "{}"
