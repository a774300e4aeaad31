"""Files of variables, and messages about values that may be secrets."""

from pathlib import Path

import pytest

from slipway.adopt.reading.interpolation import interpolate, read_variables
from slipway.errors import BadSource
from tests.unit.slipway.adopt import corpus
from tests.unit.slipway.adopt.conftest import Adopted

KEY = "-----BEGIN KEY-----\nMIIEvhunter2\n-----END KEY-----"


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_quoted_value_may_have_several_lines(quote: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"# keys\n\nexport A = {quote}{KEY}{quote} # ours\nB=b # c\nC: d\nE\n")
    assert read_variables(tmp_path / ".env", {"E": "e"}) == {"A": KEY, "B": "b", "C": "d", "E": "e"}


@pytest.mark.parametrize("text", ["hunter2-$%cd", "hunter2-${A", "hunter2-${A:-b", "${1hunter2}"])
def test_a_reference_is_refused_without_the_value(text: str) -> None:
    with pytest.raises(BadSource, match=r"services\.web\.environment\.KEY has ") as refused:
        interpolate(text, {}, "services.web.environment.KEY")
    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["A=1\nKEY=django-hunter2$%cd\n", "A=1\nKEY='hunter2\n", 'A=1\nKEY="hunter2\n', "A=1\nhunter2+/abc==\n"],
)
def test_a_bad_file_is_refused_without_its_secret(text: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(text)
    with pytest.raises(BadSource, match=r"\.env, line 2 ") as refused:
        read_variables(tmp_path / ".env", {})
    assert "hunter" not in str(refused.value)


@pytest.mark.parametrize(
    "field",
    [
        "command: serve 'hunter2",
        "healthcheck: {test: [check, hunter2]}",
        "environment: {A: @hunter2}",
        "environment: {A: hunter2$%}",
    ],
)
def test_a_bad_compose_file_is_refused_without_its_secret(field: str, adopted: Adopted) -> None:
    with pytest.raises(BadSource) as refused:
        adopted(f"services: {{web: {{build: ., {field}}}}}")
    assert "hunter" not in str(refused.value)


def test_what_compose_refuses_is_told_without_the_secret(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compose prints the whole value."""
    (directory / "compose.yaml").write_text("services: {web: {build: ., environment: {A: hunter2$%}}}")
    docker = tmp_path / "docker"
    docker.write_text(
        "#!/bin/sh\ncase \"$*\" in *config*) echo 'bad template: hunter2$%' >&2; exit 1 ;; esac\n"
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{corpus.ENVIRONMENT['PATH']}")
    with pytest.raises(BadSource, match=r"services.web.environment.A has `\$%`"):
        corpus.adopt(directory)
