"""Backups: what is written reaches the store, and the state of the archive is that of now."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.platform.processes import Supervisor
from tests.e2e.postgres.restoring import RestoreStack
from tests.e2e.program.conftest import INSTANCE
from tests.e2e.sandbox.cluster import eventually

STORE_AWAY_S = 600


def test_the_first_update_makes_a_backup_and_proves_it(backed_up: RestoreStack) -> None:
    result = backed_up.result()
    assert (result["status"], result["reason"]) == ("passed", "")
    assert result["bytes"] > 0
    assert (backed_up.archive / "base" / result["backup"] / "data.tar.gz").is_file()
    assert '"status":"passed"' in backed_up.output("drill").replace(" ", "")


def test_a_written_row_is_in_the_store_within_the_minute_and_a_half(backed_up: RestoreStack) -> None:
    segments = backed_up.archive / "wals"
    before = {file.name for file in segments.rglob("*.gz")}
    backed_up.psql("db", "CREATE TABLE IF NOT EXISTS written (text text); INSERT INTO written VALUES ('row')")
    eventually(
        "another segment in the store",
        lambda: {file.name for file in segments.rglob("*.gz")} > before,
        seconds=90,
    )


def test_the_state_of_the_archive_recovers_by_itself(backed_up: RestoreStack) -> None:
    def archive(command: str) -> None:
        backed_up.psql("db", f"ALTER SYSTEM {command}", "postgres")
        backed_up.psql("db", "SELECT pg_reload_conf()", "postgres")
        backed_up.psql(
            "db", "SELECT pg_logical_emit_message(false, 'test', 'x'), pg_switch_wal()", "postgres"
        )

    archive("SET archive_command = 'false'")
    eventually("a failing archive", lambda: backed_up.archive_state()["failing"], seconds=60)
    assert backed_up.archive_state()["waiting"] > 0
    archive("RESET archive_command")
    eventually("an archive without failures", lambda: not backed_up.archive_state()["failing"], seconds=120)


@contextmanager
def store_away() -> Iterator[None]:
    """Let the store answer nothing."""
    [pid] = [process.pid for process in Supervisor(INSTANCE).processes() if process.name == "store"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_writes_go_on_without_the_store_and_reach_it_later(backed_up: RestoreStack) -> None:
    backed_up.psql("db", "CREATE TABLE IF NOT EXISTS away (at timestamptz DEFAULT clock_timestamp())")
    slowest, waiting = 0.0, 0
    with store_away():
        end = time.monotonic() + STORE_AWAY_S
        while time.monotonic() < end:
            begun = time.monotonic()
            backed_up.psql("db", "INSERT INTO away DEFAULT VALUES")
            slowest = max(slowest, time.monotonic() - begun)
            time.sleep(1)
        waiting = backed_up.archive_state()["waiting"]
    begun = time.monotonic()
    assert waiting > 1
    eventually("an archive that has all", lambda: backed_up.archive_state()["waiting"] == 0, seconds=600)
    print(f"slowest write {slowest:.1f} s, {waiting} segments waited,", end=" ")
    print(f"all archived {time.monotonic() - begun:.0f} s after the store was back", flush=True)
    assert not backed_up.archive_state()["failing"]
    assert backed_up.drill()["status"] == "passed"


def test_no_process_of_the_pod_shows_the_login_of_the_store(backed_up: RestoreStack) -> None:
    # The pattern comes from the file: as an argument, grep would find itself.
    files = "/proc/[0-9]*/environ /proc/[0-9]*/cmdline"
    count = f"grep -lsFf /etc/postgres/store/secret-key {files} | wc -l"
    assert backed_up.in_pod("db-0-0", "sh", "-c", count) == "0"
