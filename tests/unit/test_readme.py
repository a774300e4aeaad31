"""The README and the documents name only what exists."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pulumi
import pytest

from tests.readme import PROJECT, README, blocks

PROGRAMS = ("__main__.py", "examples/shop/__main__.py")
OURS = ("slipway", "sandbox")
OTHERS = ("docker", "eval", "export", "go", "make", "pulumi")
DOCUMENTS = [PROJECT / "README.md", *(PROJECT / "docs").rglob("*.md")]


def commands() -> Iterator[list[str]]:
    """Yield the words of each command line."""
    for block in blocks("console"):
        for line in block.splitlines():
            if words := shlex.split(line, comments=True):
                yield words


@cache
def usage(*words: str) -> str:
    """Return the help text of one of our commands."""
    return subprocess.check_output(
        (sys.executable, "-m", *words, "--help"), cwd=PROJECT, text=True, env={**os.environ, "COLUMNS": "200"}
    )


def test_python_examples_are_parts_of_tested_programs() -> None:
    programs = [(PROJECT / program).read_text() for program in PROGRAMS]
    examples = blocks("python")
    assert examples
    for example in examples:
        assert [program for program in programs if example in program], example


@pytest.mark.parametrize("block", blocks("console"))
def test_console_blocks_are_valid_shell(block: str) -> None:
    checked = subprocess.run(("bash", "-n"), input=block, capture_output=True, text=True)
    assert not checked.stderr, checked.stderr


def test_commands_exist() -> None:
    names = {words[0] for words in commands()}
    assert names <= {*OURS, *OTHERS}


@pytest.mark.parametrize("words", [words for words in commands() if words[0] in OURS], ids=shlex.join)
def test_our_commands_have_these_subcommands_and_options(words: list[str]) -> None:
    assert re.search(rf"^[│ ]*{words[1]} ", usage(words[0]), re.MULTILINE), usage(words[0])
    own = words[: words.index("--")] if "--" in words else words
    for option in (word for word in own if word.startswith("--")):
        assert re.search(rf"{option}\b", usage(*words[:2])), option


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    names = {words[1] for words in commands() if words[0] == "make"}
    assert names | set(re.findall(r"`make ([a-z0-9]+)", README)) <= targets


def test_files_exist() -> None:
    in_commands = [word.rpartition("=")[2] for words in commands() for word in words if "tests/" in word]
    quoted = re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|json|in|toml|yaml))`", README)
    assert in_commands and quoted
    for path in [*in_commands, *quoted]:
        assert (PROJECT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_links_lead_to_files(document: Path) -> None:
    text = document.read_text()
    for path in re.findall(r"\]\(([^):#]+)\)|^\[\w+\]: (\S+)$", text, re.MULTILINE):
        assert (document.parent / "".join(path)).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_lines_are_short(document: Path) -> None:
    assert [line for line in document.read_text().splitlines() if len(line) > 120] == []


def test_the_error_is_real(program: Callable[..., object]) -> None:
    """The program prints the error in the troubleshooting section, word for word."""
    with pytest.raises(pulumi.RunError) as error:
        program(build="app", web={"replcas": 3}, redis={"storage": "1GB"})
    assert f"\n{error.value}\n" in README
