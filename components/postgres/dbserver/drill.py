"""The drill: proves that the database can be restored, by restoring it (`python3 -m dbserver.drill`).

It writes a row, waits until the row is archived, restores the newest base backup into scratch space to the
moment after the row. The row has to be there, a later row not, and all data has to be readable.
"""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dbserver import backup, database, verification
from dbserver.api import Kubernetes, available
from dbserver.backup import Connection
from dbserver.restore import RestoreFailed, Server, fill, recovery
from dbserver.store import Backup, Store, StoreError

ARCHIVE_TIMEOUT_S = 180
LIE_S = 15
"""How long the store may lack what PostgreSQL reports as archived."""


class DrillFailed(Exception):
    """The backups would not restore the database; the message has the reason."""


@dataclass(frozen=True)
class Result:
    """The result of a drill."""

    status: str = "failed"
    reason: str = ""
    finished: str = ""
    archive: str = ""
    """Where the backups are; they outlive the database."""
    backup: str = ""
    target_time: str = ""
    rpo_seconds: float | None = None
    """The longest time whose writes the loss of everything but the store would take."""
    rto_seconds: float | None = None
    """The time from the begin of the restore until the restored server accepted connections."""
    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Marker:
    """Two rows of the drill, and a moment between them."""

    first: int
    moment: datetime
    second: int
    segment: str
    """The segment of the write-ahead log that ends after both."""


def run(store: Store) -> Iterator[Result]:
    """Run the drill, and yield what is known after each step; the last result has passed."""
    result = Result(archive=store.place)
    store.keys("base/")
    with database.connect() as connection:
        connection.execute(database.SCHEMA)
        newest = newest_backup(store, connection)
        yield (result := replace(result, backup=newest.id))
        store.check(newest)
        marker = write_marker(connection)
        yield (result := replace(result, target_time=marker.moment.isoformat()))
        archived_s = wait_until_archived(store, connection, marker.segment)
        timeout_s = _archive_timeout(connection)
        yield (result := replace(result, rpo_seconds=round(timeout_s + archived_s, 1)))
    with scratch() as directory:
        begun = time.monotonic()
        server = Server(directory / "data", directory)
        fill(store, newest, server.data)
        with server.running(recovery(store, marker.moment)):
            yield (result := replace(result, rto_seconds=round(time.monotonic() - begun, 1)))
            check_rows(server, marker)
            rows, size = verification.read_everything(server)
            result = replace(result, rows=rows, bytes=size)
        verification.check_pages(server)
    yield replace(result, status="passed")


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a directory in the scratch space, which the restored database goes with."""
    space = os.environ.get("DRILL_SCRATCH")
    with tempfile.TemporaryDirectory(prefix="drill-", dir=space) as directory:
        yield Path(directory)


def newest_backup(store: Store, connection: Connection) -> Backup:
    """Return the newest base backup, after making the first if there was none.

    The database remembers its backups: a drill that took whatever the store has would not miss a lost one.
    """
    known = backup.recorded(connection)
    if not known:
        print("the first base backup", flush=True)
        backup.make(connection)
        known = backup.recorded(connection)
    stored = {found.id: found for found in store.backups()}
    lost = [each for each in known if each.id not in stored]
    backup.report_lost(connection, [each.id for each in lost])
    if lost:
        names = ", ".join(f"{each.id} of {each.ended:%Y-%m-%d %H:%M} UTC" for each in lost)
        raise DrillFailed(f"the store {store.place} has lost the base backup {names}")
    return stored[known[-1].id]


def write_marker(connection: Connection) -> Marker:
    """Write two rows with a moment between them, and let PostgreSQL archive what it has written."""
    insert = "INSERT INTO slipway.drill (note) VALUES (%s) RETURNING id"
    connection.execute("DELETE FROM slipway.drill WHERE at < now() - interval '1 day'")
    [first] = connection.execute(insert, ("before",)).fetchone() or (0,)
    time.sleep(0.2)
    [moment] = connection.execute("SELECT clock_timestamp()").fetchone() or (datetime.now(UTC),)
    time.sleep(0.2)
    [second] = connection.execute(insert, ("after",)).fetchone() or (0,)
    # Of the end of the segment, pg_walfile_name returns the segment that ends there.
    [segment] = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
    return Marker(first, moment.astimezone(UTC), second, segment)


def wait_until_archived(store: Store, connection: Connection, segment: str) -> float:
    """Wait until the store has a segment, and return the seconds that it took."""
    begun, reported = time.monotonic(), None
    while segment not in store.segments(segment[:16]):
        waited = time.monotonic() - begun
        query = """
            SELECT coalesce(last_archived_wal, '') >= %s, failed_count, last_failed_time
            FROM pg_stat_archiver"""
        done, failures, failed = connection.execute(query, (segment,)).fetchone() or (False, 0, None)
        reported = (reported or waited) if done else None
        if reported is not None and waited - reported > LIE_S:
            raise DrillFailed(
                f"PostgreSQL reports {segment} as archived, but {store.place} does not have it:"
                f" archive_command is {_setting(connection, 'archive_command')!r}"
            )
        if waited > ARCHIVE_TIMEOUT_S:
            attempts = (
                f"{failures} attempts failed, the last at {failed:%H:%M:%S} UTC" if failed else "no attempt"
            )
            raise DrillFailed(
                f"{segment} is not archived after {ARCHIVE_TIMEOUT_S} s ({attempts}; archive_mode is"
                f" {_setting(connection, 'archive_mode')}): see the log of the primary"
            )
        time.sleep(0.5)
    return time.monotonic() - begun


def _setting(connection: Connection, name: str) -> str:
    [value] = connection.execute("SELECT current_setting(%s)", (name,)).fetchone() or ("",)
    return str(value)


def _archive_timeout(connection: Connection) -> float:
    """Return the longest time that PostgreSQL keeps writes to itself."""
    query = "SELECT setting::float8 FROM pg_settings WHERE name = 'archive_timeout'"
    [seconds] = connection.execute(query).fetchone() or (0.0,)
    if not seconds:
        raise DrillFailed(
            "archive_timeout is 0: writes stay with PostgreSQL until a segment of 16 MB is full"
        )
    return float(seconds)


def check_rows(server: Server, marker: Marker) -> None:
    """Check that the restored database has the first row, and not the second."""
    numbers = f"{marker.first}, {marker.second}"
    query = f"SELECT id FROM slipway.drill WHERE id IN ({numbers}) ORDER BY id"  # noqa: S608 # numbers
    found = verification.query(server, "postgres", query).split()
    if found != [str(marker.first)]:
        raise DrillFailed(
            f"a restore to {marker.moment.isoformat()} must have the row {marker.first} and not the row"
            f" {marker.second}, but has {', '.join(found) or 'none'}"
        )


def report(result: Result) -> None:
    """Write the result where the program and `slipway status` read it; without a cluster, the log has it."""
    if not available():
        return
    name = f"{os.environ['DB_NAME']}-drill"
    Kubernetes().write_config_map(name, {"result.json": json.dumps(asdict(result))})


def _stop(*_: object) -> None:
    raise DrillFailed("it was stopped before it had ended: see the events of its pod")


def main() -> None:
    """Run the drill and report; exit code 1 if it failed."""
    result = Result()
    signal.signal(signal.SIGTERM, _stop)
    try:
        for result in run(Store.of()):
            print(json.dumps(asdict(result)), flush=True)
    except (DrillFailed, RestoreFailed, StoreError, backup.BackupFailed, verification.Damaged) as error:
        result = replace(result, status="failed", reason=str(error))
    except Exception as error:  # whatever it is: else the last result goes on to say that all is well
        traceback.print_exc()
        reason = f"the drill could not run: {str(error) or type(error).__name__}"
        result = replace(result, status="failed", reason=reason)
    result = replace(result, finished=datetime.now(UTC).isoformat(timespec="seconds"))
    report(result)
    if result.status != "passed":
        sys.exit(f"the drill failed: {result.reason}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
