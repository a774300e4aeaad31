"""The archive of the write-ahead log: `python3 -m dbserver.archive push|fetch|state`."""

import argparse
import json
import os
import struct
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from dbserver.store import NOT_FOUND, SEGMENT, Store, StoreError

OWNER = "owner"
"""The object with the identifier of the database whose segments these are."""
ABORT = 127
"""Exit codes above 125 of restore_command end the recovery; lower ones mean the end of the archive."""


def archive_command() -> str:
    """Return PostgreSQL's parameter archive_command."""
    return "python3 -m dbserver.archive push %p"


def restore_command(server: str | None = None, strict: bool = False) -> str:
    """Return PostgreSQL's parameter restore_command.

    Args:
        server: the name of another database, to read its archive.
        strict: end the recovery where the store fails or lacks a segment between others.
    """
    options = [*(["--server", server] if server else []), *(["--strict"] if strict else [])]
    return " ".join(("python3 -m dbserver.archive fetch", *options, "%f %p"))


def push(store: Store, path: str) -> None:
    """Archive a segment.

    Raises:
        StoreError: PostgreSQL keeps the segment, and tries again.
    """
    claim(store, identifier(Path(os.environ["PGDATA"])))
    store.run("wal-archive", path, options=("--gzip", *store.encrypted))


def identifier(data: Path) -> str:
    """Return the identifier of a database: the first field of its control file."""
    return str(struct.unpack("=Q", (data / "global/pg_control").read_bytes()[:8])[0])


def claim(store: Store, database: str) -> None:
    """Check that the archive belongs to this database, or is empty: two in one archive destroy both.

    A file remembers the answer, so that a segment asks the store for nothing more.
    """
    known = Path(tempfile.gettempdir(), "archive-owner")
    answer = f"{store.url} {store.server} {database}"
    if known.exists() and known.read_text() == answer:
        return
    owner = store.read(OWNER)
    if owner is None:
        if store.keys("wals/"):
            raise StoreError(f"{store.place} has segments of an unknown database: move them away")
        store.write(OWNER, database.encode())
    elif owner.decode() != database:
        raise StoreError(
            f"{store.place} has the backups of another database ({owner.decode()}): use another"
            " name or prefix for this one, or move them away"
        )
    known.write_text(answer)


def fetch(store: Store, name: str, path: str, strict: bool) -> int:
    """Bring a segment back, and return the exit code for PostgreSQL."""
    try:
        store.run("wal-restore", name, path)
    except StoreError as error:
        if not strict:
            return NOT_FOUND
        if error.code != NOT_FOUND:
            print(f"dbserver: {error}", file=sys.stderr)
            return ABORT
        later = (
            [other for other in store.segments(name[:8]) if other > name] if SEGMENT.fullmatch(name) else []
        )
        if later:
            print(
                f"dbserver: the store lacks {name}, but has {later[0]} after it;"
                " a new base backup covers the gap",
                file=sys.stderr,
            )
            return ABORT
        return NOT_FOUND
    return 0


@dataclass(frozen=True)
class State:
    """The state of the archive now; nothing of it lasts beyond its cause."""

    failing: bool
    """Whether the last attempt failed."""
    waiting: int
    """The number of segments that wait to be archived."""
    age_seconds: float | None
    """Seconds since the last segment was archived; None before the first."""
    last: str | None
    failures: int
    """The number of failed attempts since the statistics began."""


def state() -> State:
    """Return the state of the archive, as the primary knows it."""
    from dbserver import database  # its imports take time, which each archived segment would pay

    query = """
        SELECT coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
               (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
               extract(epoch FROM now() - last_archived_time)::float8, last_archived_wal, failed_count
        FROM pg_stat_archiver"""
    with database.connect() as connection:
        return State(*connection.execute(query).fetchone() or ())


def main() -> None:
    """Run a command of the server."""
    parser = argparse.ArgumentParser(prog="dbserver.archive")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("push").add_argument("path")
    fetching = commands.add_parser("fetch")
    fetching.add_argument("--server")
    fetching.add_argument("--strict", action="store_true")
    fetching.add_argument("name")
    fetching.add_argument("path")
    commands.add_parser("state")
    given = parser.parse_args()
    if given.command == "push":
        try:
            push(Store.of(), given.path)
        except StoreError as error:
            sys.exit(f"dbserver: {error}")
    elif given.command == "fetch":
        sys.exit(fetch(Store.of(given.server), given.name, given.path, given.strict))
    else:
        print(json.dumps(asdict(state())))


if __name__ == "__main__":
    main()
