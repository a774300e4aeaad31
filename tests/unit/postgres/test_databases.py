"""Databases and users are made once the primary accepts connections, and rights are also taken back."""

from pathlib import Path

import pytest
from dbserver import databases

APP = {"name": "app", "readers": [], "writers": [], "extensions": []}


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for psql: it ends with the codes in `codes`, one for each call, then with 0."""
    psql = tmp_path / "psql"
    psql.write_text(
        f'#!/bin/sh\ncat >>{tmp_path}/script"$4"; echo "$4" >>{tmp_path}/calls\n'
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


def scripts(calls: Path, *made: dict[str, object]) -> dict[str, str]:
    """Return what psql got, by the name of the database."""
    calls.with_name("codes").touch()
    databases.apply_databases([{**APP, **item} for item in made])
    return {
        file.name.removeprefix("script--dbname="): file.read_text()
        for file in calls.parent.glob("script--dbname=*")
    }


def test_a_reader_loses_what_it_had_as_a_writer(calls: Path) -> None:
    script = scripts(calls, {"readers": ["report"], "writers": ["worker"]})["app"]
    taken = script.index("REVOKE %s ON %s FROM %I")
    assert taken < script.index('GRANT SELECT ON ALL TABLES IN SCHEMA public TO "report"')
    given, kept = script.split("(kind, privilege_type) IN (")[1].split("NOT IN (")
    for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
        assert f"('TABLE', '{right}')" in given
        assert f"('worker', 'TABLE', '{right}')" in kept, "nothing that stays is taken for a moment"
        assert (f"('report', 'TABLE', '{right}')" in kept) is (right == "SELECT")
    assert "('SEQUENCE', 'USAGE')" in given
    assert 'ALTER DEFAULT PRIVILEGES FOR ROLE "app" IN SCHEMA public \'' in script, "tables of tomorrow"


def test_nobody_keeps_a_way_to_another_database(calls: Path) -> None:
    script = scripts(calls, {"readers": ["report"]}, {"name": "other"})["postgres"]
    _, kept = script.split("REVOKE ALL ON DATABASE %I FROM %I CASCADE")[1].split("NOT IN (")
    assert kept.split(")\n")[0] == "('app', 'app'), ('app', 'report'), ('other', 'other')"


def test_databases_that_the_program_does_not_have_keep_their_rights(calls: Path) -> None:
    """One made by hand belongs to a user made by hand, and `postgres` to the superuser."""
    condition = scripts(calls, {})["postgres"].split("REVOKE ALL ON DATABASE %I FROM %I CASCADE")[1]
    assert "shobj_description(datdba, 'pg_authid') = 'of the program'" in condition


def test_a_superuser_calls_nothing_that_an_owner_has_made(calls: Path) -> None:
    """An owner may put functions and operators of its own before those of PostgreSQL."""
    script = scripts(calls, {"extensions": ["pg_trgm"]})["app"]
    made, rest = script.split("SET search_path = pg_catalog;")
    assert made == 'CREATE EXTENSION IF NOT EXISTS "pg_trgm";\n', "it gets the schema public"
    assert "format(" in rest
