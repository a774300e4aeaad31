"""What backups and restores decide without a store."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dbserver import restore
from dbserver.archive import ABORT, claim, fetch, restore_command
from dbserver.restore import RestoreFailed, Server, choose, moment, recovery
from dbserver.store import NOT_FOUND, Backup, Store, StoreError, main


def at(hour: int) -> datetime:
    return datetime(2026, 1, 31, hour, tzinfo=UTC)


class FakeStore(Store):
    """A store with segments, base backups at 1 and 3 o'clock, and an owner."""

    lacks = StoreError("barman-cloud-wal-restore ended with 1: missing", NOT_FOUND)
    archived: tuple[str, ...] = ()
    objects: dict[str, bytes]

    def run(self, *_: object, **__: object) -> str:
        raise self.lacks

    def segments(self, timeline: str) -> list[str]:
        return [name for name in self.archived if name.startswith(timeline)]

    def backups(self) -> list[Backup]:
        return [Backup(f"2026013{hour}", at(hour), at(hour)) for hour in (1, 3)]

    def keys(self, path: str) -> list[str]:
        return [key for key in self.objects if key.startswith(path)]

    def read(self, path: str) -> bytes | None:
        return self.objects.get(path)

    def write(self, path: str, content: bytes) -> None:
        self.objects[path] = content


@pytest.fixture
def store() -> FakeStore:
    made = FakeStore("s3://backups/shop", "db")
    object.__setattr__(made, "objects", {})
    return made


SEGMENTS = [f"00000001000000000000000{number}" for number in range(1, 4)]


def test_a_restore_begins_with_the_newest_backup_before_its_moment(store: FakeStore) -> None:
    assert choose(store, at(2)).ended == at(1)
    assert choose(store, None).ended == at(3)
    with pytest.raises(RestoreFailed, match=r"too early: the earliest moment .* is 2026-01-31 01:00:00"):
        choose(store, at(0))


def test_the_backups_of_any_database_are_listed_as_json(
    store: FakeStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`slipway restore` asks for them, also for those of a database that is lost."""
    asked: list[str] = []

    def of(server: str) -> Store:
        asked.append(server)
        return store

    monkeypatch.setattr(Store, "of", of)
    monkeypatch.setattr(sys, "argv", ["store", "lost"])
    main()
    assert asked == ["lost"]
    assert [item["ended"] for item in json.loads(capsys.readouterr().out)] == [
        "2026-01-31T01:00:00+00:00",
        "2026-01-31T03:00:00+00:00",
    ]


def test_the_end_of_the_archive_ends_a_recovery_and_a_gap_aborts_it(store: FakeStore) -> None:
    assert fetch(store, SEGMENTS[2], "path", strict=True) == NOT_FOUND
    object.__setattr__(store, "archived", (SEGMENTS[0], SEGMENTS[2]))
    assert fetch(store, SEGMENTS[1], "path", strict=True) == ABORT
    assert fetch(store, "00000002.history", "path", strict=True) == NOT_FOUND
    assert fetch(store, SEGMENTS[1], "path", strict=False) == NOT_FOUND, "a standby asks the primary next"


def test_a_store_that_fails_is_not_the_end_of_the_archive(store: FakeStore) -> None:
    object.__setattr__(store, "lacks", StoreError("refused", 4))
    assert fetch(store, SEGMENTS[1], "path", strict=True) == ABORT
    assert fetch(store, SEGMENTS[1], "path", strict=False) == NOT_FOUND


def test_an_archive_belongs_to_one_database(
    store: FakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    claim(store, "1")
    assert store.objects == {"owner": b"1"}
    with pytest.raises(StoreError, match="backups of another database"):
        claim(store, "2")
    store.objects.clear()
    store.objects["wals/1"] = b""
    (tmp_path / "archive-owner").unlink()
    with pytest.raises(StoreError, match="an unknown database"):
        claim(store, "1")


def test_a_recovery_never_writes_to_the_archive_that_it_reads(store: FakeStore) -> None:
    assert restore_command("db", strict=True) == recovery(store, None)["restore_command"]
    assert recovery(store, at(2))["recovery_target_time"] == "2026-01-31 02:00:00.000000+0000"
    assert "recovery_target_time" not in recovery(store, None)
    assert moment("20260131T020000Z") == at(2)


@pytest.fixture
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of a database that was restored."""
    monkeypatch.setattr(restore, "restore", lambda store, target, data: data.mkdir())
    environment = {
        "BACKUP_URL": "s3://backups/shop",
        "RESTORE_SERVER": "db",
        "RESTORE_TIME": "20260131T020000Z",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    data = tmp_path / "pgdata"
    restore.begin(data)
    monkeypatch.setattr(
        restore,
        "query_primary",
        lambda *_: (data / restore.ORIGIN).read_text() + "\n" if data.exists() else "\n",
    )
    return data


def test_a_restored_database_refuses_to_pass_for_another_restore(restored: Path) -> None:
    """A moment that is changed after the restore changes nothing, and must not be reported as reached."""
    for server, time in (("db", "20260131T030000Z"), ("db", "LATEST"), ("other", "20260131T020000Z")):
        with pytest.raises(
            SystemExit, match="restored from db to 20260131T020000Z, and is never restored again"
        ):
            restore.check_origin({"RESTORE_SERVER": server, "RESTORE_TIME": time})


def test_the_same_moment_in_other_words_is_the_same_restore(restored: Path) -> None:
    restore.check_origin({"RESTORE_SERVER": "db", "RESTORE_TIME": "2026-01-31T02:00:00+00:00"})
    restore.check_origin({})
    shutil.rmtree(restored)
    restore.check_origin({"RESTORE_SERVER": "db"})  # it was restored before the file was written


def test_the_reason_of_a_failed_recovery_is_ours_or_the_first_that_is_fatal(tmp_path: Path) -> None:
    server = Server(tmp_path, tmp_path)
    log = "x FATAL:  the database system is starting up\nx FATAL:  recovery ended\n"
    (tmp_path / "log").write_text(log)
    assert server.reason() == "recovery ended"
    (tmp_path / "log").write_text(f"{log}dbserver: the store lacks a segment\n")
    assert server.reason() == "the store lacks a segment"


def test_programs_that_fail_give_their_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("access-key", "secret-key"):
        (tmp_path / name).write_text("hidden")
    monkeypatch.setattr("dbserver.store.CREDENTIALS", tmp_path)
    seen: list[str] = []

    def run(command: tuple[str, ...], **options: dict[str, str]) -> subprocess.CompletedProcess[str]:
        seen.extend([*command, *options["env"].values()])
        return subprocess.CompletedProcess(command, 2, "", "one\n2026-01-31 02:00:00,1 [12] ERROR: refused\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(StoreError, match="barman-cloud-wal-archive ended with 2: ERROR: refused"):
        Store("s3://backups/shop", "db").run("wal-archive", "path")
    assert "hidden" not in seen, "no argument and no variable has the login"
