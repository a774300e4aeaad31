"""What a server without a cluster makes of its environment, and when its backups run."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dbserver import schedule, server, single
from dbserver.schedule import Task, matches

from components.kubernetes import schedule as checked


def test_secrets_leave_the_environment_for_files_of_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single, "USERS", tmp_path / "users")
    environment = {"DB_SECRETS": json.dumps({"users/app": "hush", "store/secret-key": "hush too"}), "A": "b"}
    for _ in range(2):  # a container that starts again finds its files
        single.keep_secrets(dict(environment))
    single.keep_secrets(environment)
    assert environment == {"A": "b"}
    file = tmp_path / "users/app"
    assert (file.read_text(), oct(file.stat().st_mode & 0o777)) == ("hush", "0o600")
    assert (tmp_path / "store/secret-key").read_text() == "hush too"


def test_settings_are_quoted_and_everybody_needs_a_password(tmp_path: Path) -> None:
    environment = {"DB_MEMORY": str(2**30), "DB_PARAMETERS": json.dumps({"search_path": "it's \\ here"})}
    single.configure(tmp_path, environment)
    lines = (tmp_path / "postgresql.conf").read_text().splitlines()
    assert "search_path = 'it''s \\\\ here'" in lines
    assert "shared_buffers = '256MB'" in lines
    assert "listen_addresses = '*'" in lines
    access = (tmp_path / "pg_hba.conf").read_text().splitlines()
    assert all(line.endswith("scram-sha-256") for line in access)
    assert set(server.EVERYONE) < set(access)


def test_only_an_empty_volume_gets_a_new_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with remains is left to PostgreSQL, which refuses it: an empty database would hide them."""
    made: list[Path] = []
    certificates: list[str] = []
    monkeypatch.setattr(single, "make", lambda data, environment: made.append(data))
    for name in ("configure", "set_superuser", "lock_volume"):
        monkeypatch.setattr(single, name, lambda *_: None)
    monkeypatch.setattr(single, "make_certificate", certificates.append)
    monkeypatch.setattr(os, "execv", lambda *_: None)
    data = tmp_path / "pgdata"
    environment = {"PGDATA": str(data), "DB_NAME": "db"}
    single.serve(environment)
    assert made == [data]
    data.mkdir()
    (data / "base").mkdir()
    single.serve(environment)
    assert made == [data]
    assert certificates == ["db", "db"], "each start makes one, in memory"


def test_a_database_has_its_name_when_it_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, remains = tmp_path / "pgdata", tmp_path / "pgdata.new"
    remains.mkdir()
    (remains / "half").touch()

    def restore(new: Path) -> None:
        assert not new.exists(), "without what an earlier attempt left"
        assert not data.exists()
        new.mkdir()

    monkeypatch.setattr(single, "restore", restore)
    single.make(data, {"RESTORE_SERVER": "old"})
    assert data.is_dir()
    assert not remains.exists()


MONDAY = datetime(2026, 11, 30, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("30 1 * * *", True),
        ("31 1 * * *", False),
        ("*/15 1 * * *", True),
        ("*/20 1 * * *", False),
        ("10/20 * * * *", True),
        ("0-30,45 1 30 nov mon", True),
        ("30 1 1 * mon", True),
        ("30 1 1 * *", False),
        ("30 1 ? * 1-5", True),
        ("30 1 * * SUN", False),
        ("@hourly", False),
        ("30 1 29 * 0", False),
    ],
)
def test_a_schedule_names_minutes_as_crontab_does(schedule: str, expected: bool) -> None:
    assert matches(checked._schedule(schedule), MONDAY) is expected


def test_the_macros_of_the_program_are_known() -> None:
    assert set(schedule._MACROS) == set(checked._MACROS)
    assert all(matches(macro, datetime(2023, 1, 1, tzinfo=UTC)) for macro in checked._MACROS), "a Sunday"


def test_a_run_that_was_missed_follows_once() -> None:
    task = Task("backup", "30 1 * * *", MONDAY - timedelta(days=3))
    assert task.due(MONDAY + timedelta(hours=5))
    assert not task.due(MONDAY + timedelta(hours=6))
    assert task.due(MONDAY + timedelta(days=1))


def test_what_has_never_run_runs_at_once() -> None:
    assert Task("backup", "30 1 * * *", None).due(MONDAY)


def test_a_run_that_failed_is_repeated_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    task = Task("backup", "30 1 * * *", MONDAY, failed=MONDAY)
    assert not task.due(MONDAY + timedelta(minutes=4))
    assert task.due(MONDAY + timedelta(minutes=5))
    monkeypatch.setattr("subprocess.run", lambda command, check: type("Done", (), {"returncode": 0}))
    task.run()
    assert not task.due(MONDAY + timedelta(minutes=20))
