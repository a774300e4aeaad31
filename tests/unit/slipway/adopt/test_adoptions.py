"""Applications of public shape become programs that keep the house rules, and reports that miss no field."""

import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from slipway.adopt.program import Program
from slipway.adopt.reading.compose_files import find
from tests.unit.conftest import PROJECT, Run
from tests.unit.policy.test_policy import broken_by
from tests.unit.slipway.adopt import corpus, test_adopted_postgres
from tests.unit.slipway.adopt.corpus import CASES, adopt, application, secrets

MANDATORY = {
    "resources-set",
    "no-latest-image",
    "no-privileged-pod",
    "not-as-root",
    "public-only-on-purpose",
    "secrets-in-secrets",
}
PROFILES = {"profiles": ("debug",)}
PAIRS = ("environment", "labels", "args", "extra_hosts", "annotations")


@pytest.fixture(autouse=True)
def without_compose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `docker` is on PATH, unless a test puts one there."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("API_KEY", corpus.ENVIRONMENT["API_KEY"])


def adopted(name: str, directory: Path) -> Program:
    return adopt(application(name, directory), PROFILES.get(name, ()))


def fields(value: Any, path: str = "", key: str = "") -> Iterator[str]:
    """Yield the path of each field as its author sees it; names of variables are parts of it."""
    if key in PAIRS and isinstance(value, list):
        value = {str(item).partition("=")[0].partition(":")[0]: "" for item in value}
    if key == "depends_on" and isinstance(value, list):
        value = dict.fromkeys(value, "")
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from fields(item, f"{path}.{name}".lstrip("."), name)
    elif isinstance(value, list) and key not in ("command", "entrypoint", "test"):
        for index, item in enumerate(value):
            yield from fields(item, f"{path}[{index}]")
    else:
        yield path


def has_line(field: str, lines: list[tuple[str, list[str]]]) -> bool:
    """Return whether a line names the field, or what it is a part of."""
    for path, keys in lines:
        if keys and any(field == f"{path}.{key}" for key in keys):
            return True
        if field == path or field.startswith((f"{path}.", f"{path}[")) or field == f"{path}.context":
            return True
    return False


@pytest.mark.parametrize("name", CASES)
def test_no_field_is_without_a_line(name: str, tmp_path: Path) -> None:
    program = adopted(name, tmp_path)
    text = program.files()["ADOPTED.md"]
    lines = [
        (path, keys.split(", ") if keys else [])
        for path, keys in re.findall(r"^\| `(.+?)`(?: \((.+?)\))? \| ", text, re.MULTILINE)
    ]
    compose = find(tmp_path / "app")
    assert compose
    found = list(fields(yaml.safe_load(compose.read_text())))
    assert found
    missing = [field.replace(".build", ".build.context") for field in found if not has_line(field, lines)]
    assert [field for field in missing if not has_line(field, lines)] == []


def test_a_field_without_a_line_would_be_found() -> None:
    assert not has_line("services.web.new", [("services.web.ports[0]", []), ("services.we", [])])


@pytest.mark.parametrize("name", CASES)
def test_compose_and_slipway_read_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = adopted(name, tmp_path).files()
    corpus.install_compose(name, tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{corpus.ENVIRONMENT['PATH']}")
    assert adopt(tmp_path / "app", PROFILES.get(name, ())).files() == ours


@pytest.mark.parametrize("name", CASES)
def test_secrets_are_in_no_file(name: str, tmp_path: Path) -> None:
    program = adopted(name, tmp_path)
    values = secrets(program.translation.source)
    for text in program.files().values():
        assert "sesame" not in text
        assert not [value for value in values if value in text]


@pytest.mark.parametrize("name", CASES)
def test_a_program_runs_and_breaks_no_rule(
    name: str, tmp_path: Path, engine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = adopted(name, tmp_path)
    for file, text in program.files().items():
        (tmp_path / file).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", corpus.ENVIRONMENT["PATH"])
    settings = program.translation.settings
    config = {"repository": "localhost:5001/x", **settings.plain, **dict.fromkeys(settings.secret, "hidden")}
    hosts = {key: f"{key.lower()}.example.com" for key in program.translation.host_settings}
    config |= {**hosts, "issuer": "acme"}
    pulumi.runtime.set_all_config({f"slipway:{key}": value for key, value in config.items()}, [])
    recorder = engine(lambda: runpy.run_path(str(tmp_path / "__main__.py")) and None)
    parts = program.translation.parts.values()
    made = {item.name for item in recorder.resources if item.type.startswith("slipway:")}
    assert {part.name for part in parts if part.role not in ("", "Endpoint")} <= made
    broken = {what: rules & MANDATORY for what, rules in broken_by(recorder).items()}
    assert {what: rules for what, rules in broken.items() if rules} == {}


def test_programs_are_typed_and_formatted(tmp_path: Path) -> None:
    written = tmp_path / "written"
    written.mkdir()
    for name in CASES:
        (tmp_path / name).mkdir()
        (written / f"{name.replace('-', '_')}.py").write_text(
            adopted(name, tmp_path / name).files()["__main__.py"]
        )
    with_postgres = test_adopted_postgres.everything(test_adopted_postgres.application(tmp_path))
    (written / "postgres.py").write_text(with_postgres.files()["__main__.py"])
    python = (sys.executable, "-m")
    for command in (
        ("ruff", "format", "--check", "--config", "pyproject.toml", str(written)),
        ("ruff", "check", "--config", "pyproject.toml", "--ignore", "E501,S104,S108", str(written)),
        ("mypy", "--strict", str(written)),
    ):
        done = subprocess.run((*python, *command), cwd=PROJECT, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
