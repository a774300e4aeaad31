"""Instructions of a Dockerfile in all forms that Docker takes."""

from pathlib import Path

import pytest

from slipway.adopt.program import Program
from tests.unit.slipway.adopt.conftest import lines, main
from tests.unit.slipway.adopt.corpus import adopt


def described(directory: Path, instructions: str) -> Program:
    (directory / "Dockerfile").write_text(f'FROM python:3.12\n{instructions}\nCMD ["serve"]\n')
    return adopt(directory)


def test_options_of_a_check_are_not_those_of_its_command(directory: Path) -> None:
    command = "celery --app=shop inspect ping --timeout=5"
    program = described(directory, f"HEALTHCHECK --interval=9s --start-period=90s CMD {command}")
    assert f'Probe.exec("sh", "-c", "{command}")' in main(program)
    assert "Slipway asks each second" in lines(program, ".Dockerfile.HEALTHCHECK")


def test_a_check_in_json_has_options(directory: Path) -> None:
    check = '["wget", "--quiet", "--tries=1", "--spider", "http://localhost:8000/up"]'
    program = described(directory, f"EXPOSE 8000\nHEALTHCHECK CMD {check}")
    assert 'ready=Probe.http("/up", host="localhost")' in main(program)


@pytest.mark.parametrize(
    "instructions",
    [
        "ENV PORT 8000\nEXPOSE $PORT",
        "ARG PORT=8000\nENV APP_PORT=$PORT A=b\nEXPOSE ${APP_PORT}/tcp",
        "ENV A=It's\nENV COST=5$%\nEXPOSE 8000",
        "RUN <<EOF\nEXPOSE 9\nUSER nobody\nEOF\nEXPOSE 53/UDP 8000",
    ],
)
def test_ports_of_variables_are_found(instructions: str, directory: Path) -> None:
    assert "target_port=8000" in main(described(directory, instructions))


def test_a_text_with_a_quote_is_a_value(directory: Path) -> None:
    assert 'Worker("web"' in main(described(directory, "ENV MOTD It's fine"))


def test_a_port_without_a_value_leaves_that_of_the_framework(directory: Path) -> None:
    (directory / "requirements.txt").write_text("flask\n")
    program = described(directory, "EXPOSE $PORT")
    assert "target_port=5000" in main(program)
    assert "**left out** | $PORT has no value here" in lines(program, ".Dockerfile.EXPOSE")
