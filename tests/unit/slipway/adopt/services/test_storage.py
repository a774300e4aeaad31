"""The directories and files of a service: what is in them, and what cannot be in the program."""

from pathlib import Path

import pytest

from slipway.errors import BadSource
from tests.unit.slipway.adopt.conftest import Adopted, lines, main

WEB = "services:\n  web:\n    build: .\n"
BINARY = b"\x30\x82\xff\xfe"


def test_a_volume_that_begins_empty_says_so(adopted: Adopted) -> None:
    """In Docker, a new volume begins with what the image has there."""
    program = adopted(WEB + "    volumes: ['wp:/var/www/html', /app/node_modules]\nvolumes: {wp: }\n")
    for index in (0, 1):
        assert "it begins empty, without what the image has there" in lines(program, f"volumes[{index}]")


def test_a_config_of_a_variable_may_be_in_the_env_file(adopted: Adopted, directory: Path) -> None:
    (directory / ".env").write_text("CONF=level: info\nKEY=hunter2\n")
    more = "    configs: [c]\n    secrets: [s]\n"
    ends = "configs: {c: {environment: CONF}}\nsecrets: {s: {environment: KEY}}\n"
    program = adopted(WEB + more + ends)
    assert 'File.text("/c", "level: info")' in main(program)
    assert program.translation.settings.secret == {"s": "hunter2"}


def test_a_config_of_a_variable_that_is_not_set_is_refused(adopted: Adopted) -> None:
    with pytest.raises(BadSource, match=r"configs.c.environment is 'CONF', which is not set"):
        adopted(WEB + "    configs: [c]\nconfigs: {c: {environment: CONF}}\n")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ("    volumes: ['./k.p12:/etc/k.p12']\n", "volumes[0]"),
        ("    configs: [k]\nconfigs: {k: {file: k.p12}}\n", "configs[0]"),
        ("    secrets: [k]\nsecrets: {k: {file: k.p12}}\n", "secrets[0]"),
    ],
)
def test_a_file_that_is_no_text_is_left_out(
    fields: str, path: str, adopted: Adopted, directory: Path
) -> None:
    (directory / "k.p12").write_bytes(BINARY)
    program = adopted(WEB + fields)
    assert "k.p12" not in main(program)
    assert "**left out**" in lines(program, path)
    assert "File.secret" in lines(program, path)
