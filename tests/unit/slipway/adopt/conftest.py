"""Small applications of one Compose file, adopted on a machine without Compose."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.adopt.program import Program
from tests.unit.slipway.adopt.corpus import adopt

Adopted = Callable[[str], Program]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a Dockerfile and no Compose file."""
    monkeypatch.setenv("PATH", str(tmp_path))
    directory = tmp_path / "app"
    directory.mkdir()
    (directory / "Dockerfile").write_text('FROM python:3.12\nCMD ["serve"]\n')
    return directory


@pytest.fixture
def adopted(directory: Path) -> Adopted:
    """A function that adopts the application with a Compose file."""

    def adopt_text(text: str) -> Program:
        (directory / "compose.yaml").write_text(text)
        return adopt(directory)

    return adopt_text


def main(program: Program) -> str:
    """Return the source of a program."""
    return program.files()["__main__.py"]


def lines(program: Program, path: str) -> str:
    """Return the report's lines of a field of the service `web`; a path from the root begins with a dot."""
    place = path[1:] if path.startswith(".") else f"services.web.{path}"
    report = program.files()["ADOPTED.md"]
    found = re.findall(r"^\| `(.+?)`(?: \(.+?\))? \| (.+) \|$", report, re.MULTILINE)
    return "\n".join(text for name, text in found if name == place)
