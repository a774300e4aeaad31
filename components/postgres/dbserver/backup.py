"""Base backups: `python3 -m dbserver.backup` makes one, and deletes what the recovery window needs no more.

barman reads the files of the server, so the primary's own pod has to run it: the caller asks by SQL,
`COPY … FROM PROGRAM`, which only a superuser may.
"""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

import psycopg

from dbserver import database
from dbserver.server import SOCKETS, password
from dbserver.store import Backup, Store, StoreError

_COMMAND = "python3 -m dbserver.backup --here"


class BackupFailed(Exception):
    """A base backup was not made; the message has the reason."""


def make(connection: psycopg.Connection[tuple[Any, ...]]) -> str:
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
    connection.execute(
        "INSERT INTO slipway.backup VALUES (%s, %s, %s)",
        (os.environ["DB_NAME"], answer["id"], answer["ended"]),
    )
    connection.execute(
        "DELETE FROM slipway.backup WHERE server = %s AND id = ANY(%s)",
        (os.environ["DB_NAME"], answer["deleted"]),
    )
    return str(answer["id"])


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
    kept = {backup.id for backup in store.backups()}
    return {
        "id": made[-1].id,
        "ended": made[-1].ended.isoformat(),
        "deleted": sorted(before - kept),
    }


def recorded(connection: psycopg.Connection[tuple[Any, ...]]) -> list[Backup]:
    """Return the base backups that the database knows of, the oldest first."""
    query = "SELECT id, ended, ended FROM slipway.backup WHERE server = %s ORDER BY ended"
    return [Backup(*row) for row in connection.execute(query, (os.environ["DB_NAME"],))]


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
