"""Restores: a new database next to the old one, from the store alone, to the moment that was asked for."""

import json
import random
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.postgres.restoring import RestoreStack, moment, new
from tests.e2e.sandbox.cluster import eventually

IN_SCRATCH = """
import os, shutil, sys, tempfile
from pathlib import Path
from dbserver import verification
from dbserver.restore import Server, moment, restore
from dbserver.store import Store
data = Path('/var/lib/postgresql/data/scratch')
shutil.rmtree(data, ignore_errors=True)
restore(Store.of('db'), moment(sys.argv[1]), data)
with tempfile.TemporaryDirectory() as scratch:
    server = Server(data, Path(scratch))
    with server.running({}):
        print('rows', verification.query(server, 'app', 'SELECT max(number) FROM moments'))
shutil.rmtree(data)
"""


def rows(stack: RestoreStack, database: str) -> list[str]:
    return stack.psql(database, "SELECT text FROM kept ORDER BY text").split()


def test_to_a_second_between_two_writes_then_switch(backed_up: RestoreStack) -> None:
    backed_up.psql("db", "CREATE TABLE kept (text text); GRANT SELECT ON kept TO app")
    backed_up.psql("db", "INSERT INTO kept VALUES ('first')")
    between = moment(backed_up)
    backed_up.psql("db", "INSERT INTO kept VALUES ('second')")
    backed_up.psql("db", "SELECT pg_switch_wal()")
    archived = {path for path in backed_up.archive.rglob("*") if path.is_file()}
    words = (backed_up.name, "--to", between, "--as", "db-2", "--switch", "--yes")
    done = backed_up.slipway("restore", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(backed_up, "db-2") == ["first"]
    assert rows(backed_up, "db") == ["first", "second"], "the source is not touched"
    assert archived <= {path for path in backed_up.archive.rglob("*") if path.is_file()}
    assert backed_up.sql("SELECT text FROM kept") == "first", "the application uses the restored database"
    assert backed_up.result("db-2")["status"] == "passed", "the restored one has a backup of its own"


@pytest.mark.soak
def test_a_moment_that_is_changed_afterwards_is_refused(backed_up: RestoreStack) -> None:
    before = backed_up.file.read_text()
    backed_up.succeed("config", "set", "--path", "restores:restored.db-2.time", "20200101T000000Z")
    failed = backed_up.run("up", "--yes", "--skip-preview")
    assert failed.returncode != 0
    assert "is never restored again" in " ".join((failed.stdout + failed.stderr).split())
    backed_up.file.write_text(before)
    backed_up.up()
    assert rows(backed_up, "db-2") == ["first"]


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_twenty_random_moments(backed_up: RestoreStack) -> None:
    """Each restore has exactly what was acknowledged before its moment."""
    backed_up.psql("db", "CREATE TABLE moments (number bigserial, at timestamptz DEFAULT clock_timestamp())")
    for _ in range(60):
        backed_up.psql("db", "INSERT INTO moments DEFAULT VALUES")
        time.sleep(0.5)
    backed_up.psql("db", "SELECT pg_switch_wal()")
    eventually(
        "an archive without waiting segments", lambda: not backed_up.archive_state()["waiting"], seconds=90
    )
    query = "SELECT json_agg(extract(epoch FROM at)::float8 ORDER BY number) FROM moments"
    written: list[float] = json.loads(backed_up.psql("db", query))
    for _ in range(20):
        place = random.randrange(len(written) - 1)  # noqa: S311 # a moment, not a secret
        to = datetime.fromtimestamp((written[place] + written[place + 1]) / 2, UTC).isoformat()
        answer = backed_up.in_pod("db-0-0", "python3", "-c", IN_SCRATCH, to)
        assert answer.splitlines()[-1] == f"rows {place + 1}", (to, answer)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_deleted_stack_leaves_what_was_written_last(tmp_path: Path, replicas: int) -> None:
    """A server that stops cleanly archives all that it has; the output says where."""
    stack = new(tmp_path)
    stack.succeed("config", "set", "replicas", str(replicas))
    with stack.while_up():
        stack.sql("CREATE TABLE kept (text text)")
        stack.sql("INSERT INTO kept VALUES ('last')")
        assert json.loads(stack.output("drill"))["archive"] == f"s3://backups/{stack.name}/db"
        stack.succeed("destroy", "--yes", "--skip-preview")
        stack.succeed("config", "set", "own", "false")
        words = (stack.name, "--to", "LATEST", "--as", "db-2", "--database", "db", "--yes")
        done = stack.slipway("restore", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert rows(stack, "db-2") == ["last"]


def test_bad_words_change_nothing(backed_up: RestoreStack) -> None:
    before = backed_up.file.read_text()
    for words, problem in {
        ("--to", "yesterday", "--as", "db-9"): "--to is 'yesterday'",
        ("--to", "2199-01-01", "--as", "db-9"): "in the future",
        ("--to", "2001-01-01", "--as", "db-9"): "the earliest moment that",
        ("--to", "LATEST", "--as", "db-9", "--database", "none"): "restored.db-9.server is none",
        ("--to", "LATEST", "--as", "DB"): "--as is 'DB'",
        ("--to", "LATEST", "--as", "db"): "has a database of this name",
        ("--to", "LATEST", "--as", "db-2", "--database", "db"): "is never restored again",
        ("--switch", "--as", "db-9"): "has no database db-9",
    }.items():
        done = backed_up.slipway("restore", backed_up.name, *words, "--yes")
        assert done.returncode == 1, words
        assert problem in " ".join(done.stderr.split()), done.stderr
    assert backed_up.file.read_text() == before


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_restored_database_can_be_restored_and_so_can_a_lost_one(backed_up: RestoreStack) -> None:
    done = backed_up.slipway("restore", backed_up.name, "--to", "LATEST", "--as", "db-3", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(backed_up, "db-3") == ["first"], "by default from the one that is used, db-2"
    backed_up.psql("db", "INSERT INTO kept VALUES ('third')")
    backed_up.succeed("config", "set", "restores:own", "false")
    backed_up.up()
    backed_up.kubectl("delete", "pvc", "db-0")
    words = (backed_up.name, "--to", "LATEST", "--as", "db-4", "--database", "db", "--yes")
    done = backed_up.slipway("restore", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(backed_up, "db-4") == ["first", "second", "third"], "from the store alone"
