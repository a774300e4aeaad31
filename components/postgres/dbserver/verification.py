"""Checks of a restored database: every page, every row, every index."""

import subprocess
from collections.abc import Sequence

from dbserver.restore import Server
from dbserver.server import BINARIES

# Counts what users have written; the tables of the system and of the project itself are not theirs.
_COUNT = """
    SELECT coalesce(sum((xpath('/row/c/text()',
        query_to_xml(format('SELECT count(*) AS c FROM %I.%I', n.nspname, t.relname), false, true, '')
    ))[1]::text::bigint), 0)
    FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
    WHERE t.relkind = 'r' AND t.relpersistence = 'p'
        AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'slipway')"""


class Damaged(Exception):
    """The restored database is damaged; the message has what was found."""


def query(server: Server, name: str, statement: str) -> str:
    """Return the answer of a database as text."""
    options = ("--no-psqlrc", "--tuples-only", "--no-align", f"--dbname={name}", f"--command={statement}")
    return _run(server, "psql", *options)


def read_everything(server: Server) -> tuple[int, int]:
    """Check tables and indexes, dump every database to nowhere, and return the rows and the bytes.

    Raises:
        Damaged: something cannot be read, or is not as it should be.
    """
    _run(server, "pg_amcheck", "--all", "--install-missing", "--heapallindexed", "--jobs=2")
    listed = query(
        server, "postgres", "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
    )
    names = listed.splitlines()
    for name in names:
        _run(server, "pg_dump", f"--dbname={name}", "--file=/dev/null")
    rows = sum(int(query(server, name, _COUNT)) for name in names)
    size = query(
        server, "postgres", "SELECT sum(pg_database_size(datname)) FROM pg_database WHERE NOT datistemplate"
    )
    return rows, int(size)


def check_pages(server: Server) -> None:
    """Check the checksum of every page of a server that has stopped."""
    _run(server, "pg_checksums", "--check", f"--pgdata={server.data}")


def _run(server: Server, program: str, *arguments: str) -> str:
    command: Sequence[str] = (f"{BINARIES}/{program}", *arguments)
    done = subprocess.run(command, env=server.environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Damaged(f"{program} of the restored database: {'; '.join(lines[:3])}")
    return done.stdout.strip()
