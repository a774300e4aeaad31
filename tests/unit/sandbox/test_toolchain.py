"""Tools are built once, from what determines them."""

import shutil
import time
from pathlib import Path

import pytest

from sandbox import toolchain
from sandbox.instance import Instance, SandboxError
from sandbox.toolchain import Toolchain, key, on_path
from sandbox.tools import FAMILIES, SYSTEM, Family, Tool

HELLO = 'package main\n\nfunc main() { println("hello") }\n'
FAMILY = Family("hello", (Tool("hello", "."),))


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
    assert tools.missing(late=False) == [FAMILY]
    tools.build(FAMILY, lambda done, total: counted.append((done, total)))
    assert tools.missing(late=False) == []
    assert counted, "the progress of a build is told"

    (sources / "main.go").write_text(HELLO.replace("hello", "changed"))
    toolchain.key.cache_clear()
    assert tools.missing(late=False) == [FAMILY]


def test_a_build_that_fails_leaves_nothing_that_looks_built(sources: Path, tmp_path: Path) -> None:
    (sources / "main.go").write_text("package main\n\nfunc main() { nonsense }\n")
    tools = tools_of(tmp_path)
    with pytest.raises(SandboxError, match="undefined: nonsense"):
        tools.build(FAMILY, lambda done, total: None)
    assert tools.missing(late=False) == [FAMILY]
    assert [path.name for path in (tmp_path / "cache/tools").iterdir()] == [".lock"]


def test_what_a_killed_build_left_is_swept_away(sources: Path, tmp_path: Path) -> None:
    left = tmp_path / "cache/tools/.building-killed/bin"
    left.mkdir(parents=True)
    (left / "hello").write_text("half a binary")
    tools = tools_of(tmp_path)
    assert tools.missing(late=False) == [FAMILY]
    tools.build(FAMILY, lambda done, total: None)
    assert not left.parent.exists()


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
