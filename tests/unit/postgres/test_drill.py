"""A lost base backup turns a drill red until a new one covers it, and no failed drill goes unreported."""

import importlib
import json
import os
import signal
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import MagicMock

import pytest
from dbserver.store import Backup, Store, StoreError

NOW = datetime.now(UTC)


def backup_of(days: float) -> Backup:
    """Return a base backup that is so many days old."""
    ended = NOW - timedelta(days=days)
    return Backup(f"{ended:%Y%m%dT%H%M%S}", ended, ended)


class Database:
    """Stands in for a connection to the primary, with the table of base backups."""

    def __init__(self, *backups: Backup) -> None:
        self.rows: dict[str, list[Any]] = {backup.id: [backup.ended, False] for backup in backups}
        self.store: list[Backup] = list(backups)
        self.retained_days = 14.0
        self.answer: dict[str, Any] = {}

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> Any:
        result = MagicMock()
        match statement.split()[:3]:
            case ["COPY", *_]:
                self._back_up()
            case ["DELETE", "FROM", "answer"]:
                result.fetchone.return_value = (json.dumps(self.answer),)
            case ["INSERT", *_]:
                self.rows.setdefault(parameters[1], [parameters[2], False])
            case ["DELETE", *_]:
                self.rows = {id: row for id, row in self.rows.items() if id not in parameters[1]}
            case ["UPDATE", *_]:
                self.rows = {id: [row[0], id in parameters[0]] for id, row in self.rows.items()}
            case ["SELECT", *_]:
                return [(id, *row) for id, row in sorted(self.rows.items(), key=lambda item: item[1][0])]
        return result

    def _back_up(self) -> None:
        """Do what the primary does: make a base backup, and delete what the window needs no more."""
        self.store.append(backup_of(-len(self.store) / 86400))
        begin = NOW - timedelta(days=self.retained_days)
        needed = max((item.ended for item in self.store if item.ended <= begin), default=begin)
        self.store = [item for item in self.store if item.ended >= needed]
        kept = {item.id: item.ended.isoformat() for item in self.store}
        self.answer = {"id": self.store[-1].id, "kept": kept}


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """The modules that need the driver, which only the image has."""
    monkeypatch.setitem(sys.modules, "psycopg", MagicMock())
    monkeypatch.setenv("DB_NAME", "db")
    monkeypatch.setenv("BACKUP_WINDOW_DAYS", "14")
    return types.SimpleNamespace(
        **{name: importlib.import_module(f"dbserver.{name}") for name in ("backup", "drill")}
    )


def newest(modules: types.SimpleNamespace, database: Database) -> Backup:
    """Return the base backup that a drill restores."""
    store = MagicMock(spec=Store, place="s3://backups/shop/db")
    store.backups.return_value = database.store
    found: Backup = modules.drill.newest_backup(store, database)
    return found


def test_a_lost_backup_turns_a_drill_red_until_a_new_one_covers_it(modules: types.SimpleNamespace) -> None:
    database = Database(backup_of(2), backup_of(1))
    lost = database.store.pop()
    for _ in range(2):
        with pytest.raises(modules.drill.DrillFailed, match=f"has lost the base backup {lost.id}"):
            newest(modules, database)
    made = modules.backup.make(database)
    assert newest(modules, database).id == made
    assert lost.id not in database.rows


def test_a_loss_that_no_drill_has_reported_is_not_forgotten(modules: types.SimpleNamespace) -> None:
    """Base backups are made nightly, drills weekly."""
    database = Database(backup_of(2), backup_of(1))
    lost = database.store.pop(0)
    modules.backup.make(database)
    with pytest.raises(modules.drill.DrillFailed, match=lost.id):
        newest(modules, database)


def test_a_backup_that_is_back_is_reported_again_when_it_is_lost_again(
    modules: types.SimpleNamespace,
) -> None:
    database = Database(backup_of(2), backup_of(1))
    lost = database.store.pop(0)
    with pytest.raises(modules.drill.DrillFailed):
        newest(modules, database)
    database.store.insert(0, lost)
    newest(modules, database)
    database.store.remove(lost)
    modules.backup.make(database)
    with pytest.raises(modules.drill.DrillFailed):
        newest(modules, database)


def test_what_the_window_needs_no_more_is_never_a_loss(modules: types.SimpleNamespace) -> None:
    """Also if the connection ended after the deletion: the next run does not see what was deleted."""
    old, older = backup_of(15), backup_of(20)
    database = Database(older, old, backup_of(1))
    database.store.remove(older)
    modules.backup.make(database)
    assert older.id not in database.rows
    assert old.id in database.rows
    newest(modules, database)


def test_a_backup_whose_connection_ended_is_recorded_by_the_next(modules: types.SimpleNamespace) -> None:
    database = Database(backup_of(1))
    database._back_up()
    unrecorded = database.store[-1]
    modules.backup.make(database)
    assert unrecorded.id in database.rows


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (lambda: _raise(StoreError("refused")), "refused"),
        (lambda: _raise(RuntimeError("broken")), "the drill could not run: broken"),
        (lambda: _raise(KeyError()), "the drill could not run: KeyError"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "it was stopped before it had ended"),
    ],
)
def test_a_drill_that_ends_in_any_way_is_reported(
    modules: types.SimpleNamespace, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None], reason: str
) -> None:
    """Else the result of the last drill that passed goes on to be shown."""

    def run(_: Store) -> Iterator[Any]:
        yield modules.drill.Result(backup="20260131")
        fault()

    reported: list[Any] = []
    monkeypatch.setattr(modules.drill, "run", run)
    monkeypatch.setattr(modules.drill, "report", reported.append)
    monkeypatch.setattr(Store, "of", lambda: None)
    kept = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit, match="the drill failed"):
            modules.drill.main()
    finally:
        signal.signal(signal.SIGTERM, kept)
    [result] = reported
    assert (result.status, result.backup) == ("failed", "20260131")
    assert reason in result.reason


class Refused(Exception):
    """Stands in for the errors of the SDK, which only the image has."""


@contextmanager
def store_that(client: MagicMock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    exceptions = types.SimpleNamespace(BotoCoreError=Refused, ClientError=Refused)
    monkeypatch.setitem(sys.modules, "botocore", types.SimpleNamespace(exceptions=exceptions))
    monkeypatch.setitem(sys.modules, "botocore.exceptions", exceptions)
    store = Store("s3://backups/shop", "db")
    store.__dict__["_client"] = client
    pages = [{"Contents": [{"Key": f"shop/db/{key}"} for key in ("owner", "base/1/data.tar.gz")]}]
    client.get_paginator.return_value.paginate.return_value = pages
    yield store


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.read("owner"),
        lambda store: store.write("owner", b"1"),
        lambda store: store.check(Backup("1", NOW, NOW)),
    ],
)
def test_a_store_that_refuses_an_object_is_an_error_of_the_store(
    use: Callable[[Store], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login may list, and not read."""
    client = MagicMock()
    client.get_object.side_effect = client.put_object.side_effect = Refused("AccessDenied")
    with store_that(client, monkeypatch) as store, pytest.raises(StoreError, match="AccessDenied"):
        use(store)


def test_an_answer_that_breaks_off_is_an_error_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    def blocks(_: int) -> Iterator[bytes]:
        yield zlib.compress(b"data", wbits=31)[:4]
        raise Refused("connection broken")

    client = MagicMock()
    client.get_object.return_value = {"Body": MagicMock(iter_chunks=blocks)}
    with store_that(client, monkeypatch) as store, pytest.raises(StoreError, match="connection broken"):
        store.check(Backup("1", NOW, NOW))
