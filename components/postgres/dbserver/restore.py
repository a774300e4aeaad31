"""Restores from the store alone: into the data directory of a new database, or into scratch space."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbserver.archive import restore_command
from dbserver.databases import query_primary
from dbserver.server import BINARIES
from dbserver.store import Backup, Store, StoreError

LATEST = "LATEST"
START_TIMEOUT_S = 6 * 3600
ORIGIN = "slipway.origin"
"""The file of a restored database that says what it began with; standbys copy it with the data."""
_NOT_REACHED = "recovery ended before configured recovery target was reached"


class RestoreFailed(Exception):
    """A restore did not reach its moment; the message has the reason."""


def bootstrap() -> dict[str, Any]:
    """Return Patroni's way to make the first member: `begin` below."""
    command = {"command": "python3 -m dbserver.restore", "no_params": True}
    return {"method": "restore", "restore": command}


def choose(store: Store, target: datetime | None) -> Backup:
    """Return the newest backup that was complete at a moment, or for LATEST the newest of all."""
    backups = store.backups()
    if not backups:
        raise RestoreFailed(f"{store.place} has no base backup")
    suitable = [backup for backup in backups if target is None or backup.ended <= target]
    if not suitable:
        raise RestoreFailed(
            f"{target:%Y-%m-%d %H:%M:%S%z} is too early: the earliest moment that {store.place}"
            f" can be restored to is {backups[0].ended:%Y-%m-%d %H:%M:%S%z}"
        )
    return suitable[-1]


@dataclass(frozen=True)
class Server:
    """A server on a restored data directory, which listens on a socket in a directory of its own only."""

    data: Path
    scratch: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment of clients."""
        own = {"PGHOST": str(self.scratch), "PGPORT": "5432", "PGUSER": "postgres"}
        return {**{key: value for key, value in os.environ.items() if not key.startswith("PG")}, **own}

    @property
    def log(self) -> str:
        """What the server has written."""
        return (self.scratch / "log").read_text(errors="replace")

    def reason(self) -> str:
        """Return the lines of the log that say why the server has ended."""
        lines = self.log.splitlines()
        ours = [line.removeprefix("dbserver: ") for line in lines if line.startswith("dbserver: ")]
        fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        # What pg_isready is refused with meanwhile is not the reason.
        fatal = [line for line in fatal if not line.startswith("the database system is")]
        return "; ".join((ours[-1:] or fatal[:1]) or lines[-3:])

    @contextmanager
    def running(self, parameters: dict[str, str]) -> Iterator[None]:
        """Start the server, wait until it accepts connections, and stop it cleanly at the end."""
        (self.scratch / "hba").write_text("local all all trust\n")
        (self.scratch / "conf").touch()
        settings = {
            "config_file": str(self.scratch / "conf"),
            "hba_file": str(self.scratch / "hba"),
            "listen_addresses": "",
            "unix_socket_directories": str(self.scratch),
            "port": "5432",
            # It never writes to the archive that it reads.
            "archive_mode": "off",
            "archive_command": "",
            "primary_conninfo": "",
            "ssl": "off",
            "logging_collector": "off",
            "log_destination": "stderr",
            "shared_preload_libraries": "",
            "shared_buffers": "32MB",
            # Recovery without readers needs no settings of the primary but this.
            "hot_standby": "off",
            "max_prepared_transactions": _control(self.data, "max_prepared_xacts setting"),
            **parameters,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.scratch / "log").open("a") as log:
            command = (f"{BINARIES}/postgres", "-D", str(self.data), *options)
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.scratch)
        try:
            self._wait(process)
            yield
        finally:
            if process.poll() is None:
                process.send_signal(2)  # SIGINT: a fast and clean shutdown
                process.wait(timeout=300)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        ready = (f"{BINARIES}/pg_isready", "--quiet")
        while subprocess.run(ready, env=self.environment, check=False).returncode:
            if process.poll() is not None:
                raise RestoreFailed(self.reason())
            if time.monotonic() > deadline:
                raise RestoreFailed(f"not recovered within {START_TIMEOUT_S} s")
            time.sleep(0.1)


def _control(data: Path, field: str) -> str:
    """Return a field of the control file."""
    done = subprocess.run(
        (f"{BINARIES}/pg_controldata", str(data)), capture_output=True, text=True, check=True,
        env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    return next(line.partition(":")[2].strip() for line in done.stdout.splitlines() if line.startswith(field))


def fill(store: Store, backup: Backup, data: Path) -> None:
    """Put a base backup into an empty directory, ready for recovery."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.chmod(0o700)
    store.run("restore", backup.id, str(data))
    (data / "recovery.signal").touch()


def recovery(store: Store, target: datetime | None) -> dict[str, str]:
    """Return the parameters of a recovery to a moment, or to the end of the archive."""
    moment = {"recovery_target_time": f"{target:%Y-%m-%d %H:%M:%S.%f%z}"} if target else {}
    return {
        "restore_command": restore_command(store.server, strict=True),
        "recovery_target_timeline": "latest",
        "recovery_target_action": "promote",
        **moment,
    }


def restore(store: Store, target: datetime | None, data: Path) -> None:
    """Make the data directory of a database as it was at a moment."""
    backup = choose(store, target)
    print(f"restore of {backup.id} of {store.server} to {target or LATEST}", flush=True)
    fill(store, backup, data)
    with tempfile.TemporaryDirectory(prefix="restore-") as scratch:
        server = Server(data, Path(scratch))
        try:
            with server.running(recovery(store, target)):
                pass
        except RestoreFailed:
            # No transaction after the moment is in the archive: it has all that was there before.
            if _NOT_REACHED not in server.log or target is None or target > datetime.now(UTC):
                raise
            print("the archive ends before this moment: restored to its end", flush=True)
            with server.running(recovery(store, None)):
                pass
        print(
            next((line for line in server.log.splitlines()[::-1] if "last completed" in line), ""), flush=True
        )


def moment(text: str) -> datetime | None:
    """Return a moment from ISO 8601, in UTC by default; None for LATEST."""
    if text == LATEST:
        return None
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def begin(data: Path) -> None:
    """Restore the database that RESTORE_SERVER names to RESTORE_TIME; exit with the reason if it fails."""
    server, time = _origin(os.environ)
    try:
        restore(Store.of(server), moment(time), data)
    except (RestoreFailed, StoreError) as error:
        shutil.rmtree(data, ignore_errors=True)
        sys.exit(f"not restored: {error}")
    (data / ORIGIN).write_text(json.dumps((server, time)))


def check_origin(environment: Mapping[str, str]) -> None:
    """Exit if the database began with another restore than the program says now.

    Nothing is restored into a database that has data: an update would report what did not happen.
    """
    if not environment.get("RESTORE_SERVER"):
        return
    text = query_primary("postgres", f"SELECT pg_read_file('{ORIGIN}', 0, 1000, true);").strip()
    if not text:  # it began empty, or before this file was written
        return
    (server, time), (asked, to) = json.loads(text), _origin(environment)
    if (server, moment(time)) != (asked, moment(to)):
        sys.exit(
            f"this database was restored from {server} to {time}, and is never restored again: not from"
            f" {asked} to {to}. Restore under another name"
        )


def _origin(environment: Mapping[str, str]) -> tuple[str, str]:
    return environment["RESTORE_SERVER"], environment.get("RESTORE_TIME") or LATEST


if __name__ == "__main__":
    begin(Path(os.environ["PGDATA"]))
