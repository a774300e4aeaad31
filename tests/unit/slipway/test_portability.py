"""Program and tool work on macOS too: without /proc, GNU's options and Linux' own programs and calls."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent.parent.parent
PARTS = ("slipway", "components", "stack", "policy")
IN_IMAGES = {PROJECT / "components/model_server", PROJECT / "components/postgres"}
"""The sources of images, which run on Linux only."""
FILES = [
    PROJECT / "__main__.py",
    *(
        file
        for part in PARTS
        for file in (PROJECT / part).rglob("*.py")
        if ".venv" not in file.parts and not IN_IMAGES & {*file.parents}
    ),
]
PROGRAMS = {"docker", "git", "kubectl", "ps", "pulumi", "buildx"}
"""The programs that program and tool start, apart from those that the user names."""
GUARDED = {"process.py", "orphans.py"}
"""The modules that read /proc where it exists; their tests take it away."""
CALLS = {"run", "Popen", "check_call", "check_output", "call", "which", "execvp"}
LINUX = {
    "O_PATH", "O_TMPFILE", "epoll", "eventfd", "getxattr", "memfd_create", "pidfd_open", "posix_fadvise",
    "sched_getaffinity", "setns", "splice", "unshare",
}  # fmt: skip
"""Names of the modules `os` and `select` that macOS lacks."""


def started(tree: ast.AST) -> Iterator[str]:
    """Yield the programs that code starts by a literal name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            first = node.args[0]
            words = first.elts[:1] if isinstance(first, ast.List | ast.Tuple) else [first]
            for word in words if name in CALLS else ():
                if isinstance(word, ast.Constant) and isinstance(word.value, str):
                    yield word.value


def linux_only(tree: ast.AST) -> Iterator[str]:
    """Yield names and paths that exist on Linux alone; documentation does not count."""
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in LINUX:
            yield node.attr
        elif isinstance(node, ast.Constant) and id(node) not in texts:
            path = re.match(r"/(proc|sys|etc/os-release)\b", str(node.value))
            yield from [path[0]] if path else []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PROJECT)))
def test_only_programs_and_calls_of_every_system(file: Path) -> None:
    tree = ast.parse(file.read_text())
    assert set(started(tree)) <= PROGRAMS
    assert file.name in GUARDED or list(linux_only(tree)) == []


@pytest.mark.parametrize(
    "source",
    [
        "subprocess.run(['setsid', 'kubectl'])",
        "process.run('flock', 'file')",
        "Path('/proc/self/status').read_text()",
        "len(os.sched_getaffinity(0))",
    ],
)
def test_others_are_found(source: str) -> None:
    tree = ast.parse(source)
    assert set(started(tree)) - PROGRAMS or list(linux_only(tree))


PULUMI = """#!/bin/sh
case "$*" in
  *version*) echo v3.300.0;;
  *"stack ls"*) echo '[{"name": "dev", "current": false, "resourceCount": 0, "url": ""}]';;
  *config*) echo '{"kubernetes:context": {"value": "here", "secret": false}}';;
  *history*) echo '[]';;
  *) echo '{"version": 3, "deployment": {}}';;
esac
"""
KUBECTL = """#!/bin/sh
echo '{"items": []}'
"""


@pytest.mark.parametrize("command", ["status dev", "history dev", "recover dev --yes --no-up"])
def test_commands_with_the_programs_of_macos(command: str, tmp_path: Path) -> None:
    """PATH has git, ps and the two programs that the user installs, and nothing else."""
    (tools := tmp_path / "bin").mkdir()
    for name, text in (("pulumi", PULUMI), ("kubectl", KUBECTL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    for name in ("git", "ps"):
        (tools / name).symlink_to(shutil.which(name) or pytest.skip(f"not run: {name} is missing"))
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    done = subprocess.run(
        [sys.executable, "-m", "slipway", *command.split()],
        cwd=tmp_path,
        env={"PATH": str(tools), "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "dev" in done.stdout + done.stderr
