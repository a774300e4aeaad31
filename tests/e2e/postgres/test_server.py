"""A database on a cluster: what its users may do, and what clients notice of faults and changes."""

import json
import time

import pytest

from tests.e2e.postgres.conftest import DatabaseStack
from tests.e2e.sandbox.cluster import eventually

LONGEST_GAP_S = 20
"""CloudNativePG's own limit for a switchover; measured are 2 to 4 s."""


def test_nothing_changes_without_a_change(db: DatabaseStack) -> None:
    assert db.changes() == []


def test_the_owner_and_the_reader_have_the_rights_they_need_and_no_more(db: DatabaseStack) -> None:
    assert db.sql("CREATE TABLE owned (x int); INSERT INTO owned VALUES (7)") == "CREATE TABLE\nINSERT 0 1"
    assert db.sql("SELECT x FROM owned", "REPORT_URL") == "7"
    for statement in (
        "DELETE FROM owned",
        "CREATE TABLE mine (x int)",
        "SET ROLE app",
        "CREATE TEMP TABLE t (x int)",
    ):
        assert "permission denied" in db.sql(statement, "REPORT_URL"), statement
    for statement in (
        "CREATE ROLE r",
        "CREATE DATABASE d",
        "SELECT pg_read_file('/etc/passwd')",
        "ALTER SYSTEM SET fsync = off",
    ):
        assert "denied" in db.sql(statement), statement
    assert "permission denied for database" in db.sql("\\connect other\nSELECT 1")
    assert "permission denied for database" in db.sql("\\connect postgres\nSELECT 1")
    assert db.sql("SELECT digest('a', 'sha256') IS NOT NULL") == "t", "an extension that was asked for"


def test_rights_that_a_user_no_longer_has_are_gone(db: DatabaseStack) -> None:
    assert db.sql("CREATE TABLE moved (id serial, x int)") == "CREATE TABLE"
    db.succeed("config", "set", "writes", "true")
    db.up()
    assert db.sql("INSERT INTO moved (x) VALUES (7)", "REPORT_URL") == "INSERT 0 1"
    db.succeed("config", "rm", "writes")
    db.up()
    assert db.sql("CREATE TABLE later (x int)") == "CREATE TABLE"
    for statement in (
        "INSERT INTO moved (x) VALUES (8)",
        "DELETE FROM moved",
        "INSERT INTO later VALUES (1)",
    ):
        assert "permission denied" in db.sql(statement, "REPORT_URL"), statement
    assert db.sql("SELECT x FROM moved", "REPORT_URL") == "7"


def test_the_memory_follows_from_the_limit(db: DatabaseStack) -> None:
    assert db.sql("SHOW shared_buffers") == "96MB"
    assert db.sql("SHOW max_connections") == "50"


def test_pods_other_than_clients_do_not_reach_it(db: DatabaseStack) -> None:
    """The client's pod may reach it by its own policy; without the label it is not admitted."""
    connects = "SELECT 1"
    assert db.sql(connects) == "1"
    db.kubectl("label", "pod", db.client, "db-client-")
    try:
        eventually("it is not admitted", lambda: db.sql(connects, "DATABASE_URL") != "1")
    finally:
        db.kubectl("label", "pod", db.client, "db-client=true")
    eventually("it is admitted again", lambda: db.sql(connects) == "1")


def test_connections_are_encrypted_by_a_server_that_knows_the_password(db: DatabaseStack) -> None:
    assert db.exec(db.client, "echo $PGSSLMODE $PGCHANNELBINDING").strip() == "require require"
    assert db.sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t"
    plain = db.exec(db.client, 'psql "$DATABASE_URL?sslmode=disable" -c "SELECT 1" 2>&1 || :')
    assert "channel binding required, but SSL not in use" in plain
    members = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)"
    script = 'PGUSER=postgres PGDATABASE=app PGPASSWORD="$(cat /etc/postgres/users/superuser)" psql -XAt'
    assert db.exec(db.primary, script, members).strip() == "t"


def test_no_state_log_or_object_but_secrets_shows_a_password(db: DatabaseStack) -> None:
    url = db.kubectl("exec", db.client, "--", "sh", "-c", "echo $DATABASE_URL").strip()
    password = url.partition("app:")[2].partition("@")[0]
    assert len(password) >= 32
    shown = json.dumps(db.exported())
    objects = db.kubectl("get", "pods,statefulsets,jobs,configmaps,deployments", "--output=yaml")
    logs = "".join(db.kubectl("logs", pod) for pod in ("db-0-0", "db-1-0"))
    processes = db.kubectl("exec", db.primary, "--", "sh", "-c", "cat /proc/*/cmdline 2>/dev/null || :")
    for text in (shown, objects, logs, processes):
        assert password not in text


def test_a_killed_server_is_back_without_a_lost_write(db: DatabaseStack) -> None:
    primary = db.primary
    with db.measured() as measured:
        db.kubectl("exec", primary, "--", "sh", "-c", "kill -9 $(head -1 $PGDATA/postmaster.pid)")
        time.sleep(10)
    assert measured.writes.refused
    assert measured.writes.longest_gap < LONGEST_GAP_S
    assert db.lost() == set()


def test_a_deleted_primary_hands_its_role_over_without_a_lost_write(db: DatabaseStack) -> None:
    primary = db.primary
    with db.measured() as measured:
        db.kubectl("delete", "pod", primary)
        assert db.primary != primary
    assert measured.writes.longest_gap < LONGEST_GAP_S
    assert db.lost() == set()


@pytest.mark.soak
def test_a_version_that_does_not_start_leaves_the_primary_alone(db: DatabaseStack) -> None:
    primary = db.primary
    db.succeed("config", "set", "libraries", "no_such_library")
    db.succeed("config", "set", "timeout", "40")
    with db.measured() as measured:
        failed = db.run("up", "--yes", "--skip-preview")
        text = failed.stdout + failed.stderr
        assert failed.returncode != 0
        assert "A primary that was not reached yet serves on as it was" in text, text
        assert "to work again: not within the time" in text, text
        assert db.primary == primary
        db.succeed("config", "rm", "libraries")
        db.succeed("config", "rm", "timeout")
        db.up()
    assert db.primary == primary
    assert measured.writes.longest_gap < LONGEST_GAP_S
    assert db.lost() == set()


@pytest.mark.soak
def test_a_corrected_version_reaches_a_database_that_lost_its_primary(db: DatabaseStack) -> None:
    """Both pods have the version that does not start: only an update replaces them."""
    db.succeed("config", "set", "libraries", "no_such_library")
    db.succeed("config", "set", "timeout", "40")
    assert db.run("up", "--yes", "--skip-preview").returncode != 0
    db.kubectl("delete", "pod", db.primary)
    db.succeed("config", "rm", "libraries")
    db.succeed("config", "rm", "timeout")
    db.up()
    db.settle()
    assert db.lost() == set()
