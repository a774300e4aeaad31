"""Base backups: `python3 -m dbserver.backup` makes one, and deletes what the recovery window needs no more.

barman reads the files of the server, so the primary's own pod has to run it: the caller asks by SQL,
`COPY … FROM PROGRAM`, which only a superuser may.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import psycopg

from dbserver import database
from dbserver.server import SOCKETS, password
from dbserver.store import Backup, Store, StoreError

_COMMAND = "python3 -m dbserver.backup --here"
Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True)
class Expected:
    """A base backup that the store should have."""

    id: str
    ended: datetime
    reported: bool
    """Whether a drill has reported it as lost."""


class BackupFailed(Exception):
    """A base backup was not made; the message has the reason."""


def make(connection: Connection) -> str:
    """Let the primary make a base backup, and return its identifier."""
    connection.execute(database.SCHEMA)
    connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS answer (line text)")
    # Separators that no JSON has, so that a line is one column.
    connection.execute(
        f"COPY answer FROM PROGRAM '{_COMMAND}' WITH (FORMAT csv, DELIMITER e'\\x02', QUOTE e'\\x01')"
    )
    [line] = connection.execute("DELETE FROM answer RETURNING line").fetchone() or ("{}",)
    answer = json.loads(line)
    if "id" not in answer:
        raise BackupFailed(answer.get("reason", "the primary gave no reason"))
    times = {name: datetime.fromisoformat(text) for name, text in answer["kept"].items()}
    record(connection, [Backup(name, time, time) for name, time in times.items()])
    return str(answer["id"])


def record(connection: Connection, kept: Sequence[Backup]) -> None:
    """Record which base backups there should be, after a new one: all that the store has.

    Others are forgotten if the recovery window needs them no more, or if a drill has reported them as lost:
    the new one covers the loss.
    """
    server = os.environ["DB_NAME"]
    for backup in kept:  # also of earlier runs, whose connection ended too early
        connection.execute(
            "INSERT INTO slipway.backup (server, id, ended) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (server, backup.id, backup.ended),
        )
    begin = datetime.now(UTC) - timedelta(days=int(os.environ["BACKUP_WINDOW_DAYS"]))
    over = [each.id for each in recorded(connection) if _is_over(each, kept, begin)]
    connection.execute("DELETE FROM slipway.backup WHERE server = %s AND id = ANY(%s)", (server, over))


def _is_over(expected: Expected, kept: Sequence[Backup], begin: datetime) -> bool:
    """Return whether a base backup is neither in the store nor a loss that a drill has yet to report."""
    if expected.id in {backup.id for backup in kept}:
        return False
    return expected.reported or any(expected.ended < backup.ended <= begin for backup in kept)


def here(store: Store, window_days: int) -> dict[str, Any]:
    """Make a base backup of the server of this pod, and delete what no moment of the window needs."""
    before = {backup.id for backup in store.backups()}
    login = {"PGPASSWORD": password("superuser")}
    options = ("--gzip", "--immediate-checkpoint", *store.encrypted)
    options += ("--host", SOCKETS, "--port", os.environ.get("PGPORT", "5432"), "--user", "postgres")
    store.run("backup", options=options, env=login)
    made = [backup for backup in store.backups() if backup.id not in before]
    if not made:
        raise StoreError("barman-cloud-backup reported success, but the store has no new backup")
    # At least the newest stays, whatever the window is.
    window = f"RECOVERY WINDOW OF {window_days} DAYS"
    store.run("backup-delete", options=("--retention-policy", window, "--minimum-redundancy", "1"))
    kept = {backup.id: backup.ended.isoformat() for backup in store.backups()}
    return {"id": made[-1].id, "kept": kept}


def recorded(connection: Connection) -> list[Expected]:
    """Return the base backups that there should be, the oldest first."""
    query = "SELECT id, ended, reported FROM slipway.backup WHERE server = %s ORDER BY ended"
    return [Expected(*row) for row in connection.execute(query, (os.environ["DB_NAME"],))]


def report_lost(connection: Connection, lost: Sequence[str]) -> None:
    """Remember which base backups a drill has reported as lost, and only these."""
    connection.execute(
        "UPDATE slipway.backup SET reported = (id = ANY(%s)) WHERE server = %s",
        (list(lost), os.environ["DB_NAME"]),
    )


def main() -> None:
    """Make a base backup; with --here, as the server's own process."""
    if sys.argv[1:] == ["--here"]:
        try:
            answer = here(Store.of(), int(os.environ["BACKUP_WINDOW_DAYS"]))
        except (StoreError, OSError) as error:
            answer = {"reason": str(error)}
        print(json.dumps(answer))
        return
    begun = datetime.now(UTC)
    try:
        with database.connect() as connection:
            made = make(connection)
    except (BackupFailed, psycopg.Error) as error:
        sys.exit(f"no backup was made: {error}")
    print(f"backup {made} of {os.environ['DB_NAME']}: {(datetime.now(UTC) - begun).total_seconds():.0f} s")


if __name__ == "__main__":
    main()
