"""The examples are what `slipway adopt` writes, and break no rule."""

import runpy
from pathlib import Path

import pulumi
import pytest

from slipway.adopt import project
from tests.unit.conftest import PROJECT, Run
from tests.unit.policy.test_policy import broken_by

NAMES = ("flask-redis", "django", "fastapi")


@pytest.mark.parametrize("name", NAMES)
def test_it_is_as_adopt_writes_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `slipway adopt app --overwrite` in its directory it is written again."""
    directory = PROJECT / "examples" / name
    for variable in ("DJANGO_ALLOWED_HOSTS", "SECRET_KEY"):
        monkeypatch.delenv(variable, raising=False)
    program = project.adopt(directory / "app", directory, files=[], profiles=[], context="sandbox")
    for file, text in program.files().items():
        assert (directory / file).read_text() == text, file


@pytest.mark.parametrize("name", NAMES)
def test_it_breaks_no_rule(name: str, engine: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Except that Redis runs an image by tag."""
    (tmp_path / "app").symlink_to(PROJECT / "examples" / name / "app")
    monkeypatch.chdir(tmp_path)  # where the build's copies go
    monkeypatch.setenv("PIP_CERT", "/dev/null")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    config = {
        "slipway:repository": "localhost:1/x",
        "slipway:secretKey": "x",
        "slipway:host": "a.example.com",
    }
    pulumi.runtime.set_all_config({**config, "slipway:issuer": "acme"}, ["slipway:secretKey"])
    program = PROJECT / "examples" / name / "__main__.py"
    recorder = engine(lambda: runpy.run_path(str(program)) and None)
    assert broken_by(recorder) == {"StatefulSet redis": {"image-by-digest"}}
    assert recorder.of("Ingress")
