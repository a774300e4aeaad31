"""Databases and users are made once the primary accepts connections."""

from pathlib import Path

import pytest
from dbserver import databases

APP = {"name": "app", "readers": [], "writers": [], "extensions": []}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for psql: it ends with the codes in `codes`, one for each call, then with 0."""
    psql = tmp_path / "psql"
    psql.write_text(
        f'#!/bin/sh\ncat >/dev/null; echo "$4" >>{tmp_path}/calls\n'
        f"code=$(head -n1 {tmp_path}/codes); sed -i 1d {tmp_path}/codes; exit ${{code:-0}}\n"
    )
    psql.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(databases, "password", lambda user: f"of {user}")
    monkeypatch.setattr("dbserver.databases.time.sleep", lambda _: None)
    return tmp_path / "calls"


def test_a_primary_that_refuses_connections_is_asked_again(calls: Path) -> None:
    calls.with_name("codes").write_text("2\n2\n0\n")
    databases.apply_databases([APP])
    asked = calls.read_text().split()
    assert asked == ["--dbname=postgres"] * 4 + ["--dbname=app"]


def test_a_statement_that_fails_is_not_repeated(calls: Path) -> None:
    calls.with_name("codes").write_text("3\n")
    with pytest.raises(SystemExit, match="psql ended with 3"):
        databases.apply_databases([APP])
    assert len(calls.read_text().split()) == 1


def test_a_primary_that_never_accepts_connections_fails(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "PATIENCE_S", -1)
    calls.with_name("codes").write_text("2\n")
    with pytest.raises(SystemExit, match="psql ended with 2"):
        databases.apply_databases([APP])
