"""The entry point of a database pod: writes Patroni's configuration, and becomes Patroni."""

import importlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from dbserver.memory import disk_settings, memory_settings
from dbserver.volume import lock_volume

CONFIG = Path("/tmp/patroni.json")  # noqa: S108 # in the pod, which has this user alone
USERS = Path("/etc/postgres/users")
SOCKETS = "/tmp"  # noqa: S108 # the only directory that every pod may write to
BINARIES = "/usr/lib/postgresql/15/bin"
CERTIFICATE, KEY = f"{SOCKETS}/server.crt", f"{SOCKETS}/server.key"
REST_PORT = 8008
REST_USER = "slipway"
# A failover takes at most `ttl` after the primary stopped to answer, loop_wait + 2 * retry_timeout must fit.
# Recovery after a crash in place loses nothing; after `primary_start_timeout`, the standby takes over.
TIMES = {"ttl": 20, "loop_wait": 3, "retry_timeout": 5, "primary_start_timeout": 60}
PATIENCE_S = 60
"""How long the primary may refuse connections: a switchover takes seconds, and nodes learn of it later."""


EVERYONE = [f"host all all {network} scram-sha-256" for network in ("0.0.0.0/0", "::/0")]
"""The lines of pg_hba.conf for clients."""


def password(user: str) -> str:
    """Return the password of a user, from the file that the pod mounts."""
    return (USERS / user).read_text()


def write_secret(path: Path, text: str) -> None:
    """Write a file that no other user may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def dynamic_configuration(parameters: dict[str, str]) -> dict[str, Any]:
    """Return what the members agree on; `dbserver.apply` writes it again after each change."""
    return {
        **TIMES,
        "maximum_lag_on_failover": 1024**2,
        # The primary keeps its role without the API server as long as it reaches every other member.
        "failsafe_mode": True,
        "postgresql": {
            "use_pg_rewind": True,
            "use_slots": True,
            # Of these Patroni takes no local values: https://patroni.readthedocs.io/en/latest/patroni_configuration.html
            "parameters": {key: value for key, value in parameters.items() if key in SHARED},
        },
    }


SHARED = {
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_replication_slots",
    "max_wal_senders",
    "max_worker_processes",
    "track_commit_timestamp",
    "wal_level",
}
"""The parameters that primary and standby must agree on."""


def parameters(environment: dict[str, str], disk: int) -> dict[str, str]:
    """Return PostgreSQL's parameters: those that follow from the pod, then those that were asked for."""
    asked: dict[str, str] = json.loads(environment.get("DB_PARAMETERS", "{}"))
    connections = int(asked.get("max_connections", "100"))
    return {
        "unix_socket_directories": SOCKETS,
        "password_encryption": "scram-sha-256",
        "ssl": "on",
        "ssl_cert_file": CERTIFICATE,
        "ssl_key_file": KEY,
        "log_checkpoints": "on",
        "log_lock_waits": "on",
        # A standby without power does not say that it is gone: with `sync`, commits wait so long.
        "wal_sender_timeout": "10s",
        "wal_receiver_timeout": "10s",
        **memory_settings(int(environment["DB_MEMORY"]), connections),
        **disk_settings(disk),
        **archiving(environment),
        **asked,
    }


def archiving(environment: dict[str, str]) -> dict[str, str]:
    """Return the parameters with which every segment goes to the store; none without one."""
    if not environment.get("BACKUP_URL"):
        return {}
    archive = importlib.import_module("dbserver.archive")
    return {
        "archive_mode": "on",
        "archive_timeout": "60s",
        "archive_command": archive.archive_command(),
    }


def recovery(environment: dict[str, str]) -> dict[str, Any]:
    """Return how a standby finds the segments that the primary has no more: in the store."""
    if not environment.get("BACKUP_URL"):
        return {}
    archive = importlib.import_module("dbserver.archive")
    return {"recovery_conf": {"restore_command": archive.restore_command()}}


def bootstrap(environment: dict[str, str], asked: dict[str, str]) -> dict[str, Any]:
    """Return how the first member makes the database: empty, or restored from the store."""
    begin: dict[str, Any] = {
        "dcs": dynamic_configuration(asked),
        "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
    }
    if environment.get("RESTORE_SERVER"):
        begin |= importlib.import_module("dbserver.restore").bootstrap()
    return begin


def configuration(environment: dict[str, str], disk: int) -> dict[str, Any]:
    """Return Patroni's configuration: https://patroni.readthedocs.io/en/latest/yaml_configuration.html."""
    address = environment["POD_IP"]
    host = f"[{address}]" if ":" in address else address
    members = [f"host replication replication {network} scram-sha-256" for network in ("0.0.0.0/0", "::/0")]
    values = parameters(environment, disk)
    return {
        "scope": environment["DB_NAME"],
        "name": environment["POD_NAME"],
        "restapi": {
            "listen": f"*:{REST_PORT}",
            "connect_address": f"{host}:{REST_PORT}",
            "authentication": {"username": REST_USER, "password": password("restapi")},
        },
        "kubernetes": {
            "namespace": environment["POD_NAMESPACE"],
            "labels": {"app.kubernetes.io/component": "server"},
            "scope_label": "app.kubernetes.io/name",
            "use_endpoints": False,
            "pod_ip": address,
        },
        "bootstrap": bootstrap(environment, values),
        "postgresql": {
            "listen": "*:5432",
            "connect_address": f"{host}:5432",
            "data_dir": environment["PGDATA"],
            "bin_dir": BINARIES,
            "pgpass": f"{SOCKETS}/pgpass",
            "use_unix_socket": True,
            "use_unix_socket_repl": True,
            "authentication": {
                "superuser": {"username": "postgres", "password": password("superuser")},
                "replication": {"username": "replication", "password": password("replication")},
            },
            "parameters": values,
            **recovery(environment),
            "pg_hba": [
                "local all all scram-sha-256",
                "local replication all scram-sha-256",
                *members,
                *EVERYONE,
            ],
            "callbacks": dict.fromkeys(("on_start", "on_role_change"), "python3 -m dbserver.callback"),
            "basebackup": [{"checkpoint": "fast"}],
            "remove_data_directory_on_rewind_failure": True,
            "remove_data_directory_on_diverged_timelines": True,
        },
    }


def set_aside(data: Path) -> None:
    """Rename a directory with remains of a database, so that the member gets the data from another one.

    Patroni copies into an empty directory only, and PostgreSQL starts with complete data only.
    """
    if data.exists() and any(data.iterdir()) and not (data / "global/pg_control").exists():
        broken = data.with_name(f"{data.name}.broken")
        shutil.rmtree(broken, ignore_errors=True)
        data.rename(broken)
        print(f"{data} has remains of a database: they are now in {broken}", flush=True)


def make_certificate(name: str) -> None:
    """Make a key and a certificate: clients trust this server by the password (channel binding)."""
    subject = ("-subj", f"/CN={name}", "-days", "3650")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", KEY)
    subprocess.run(("openssl", "req", "-x509", *key, "-out", CERTIFICATE, *subject), check=True)
    Path(KEY).chmod(0o600)


def main() -> None:
    """Write the configuration and become Patroni."""
    environment = dict(os.environ)
    make_certificate(environment["POD_NAME"])
    data = Path(environment["PGDATA"])
    lock_volume(data.parent)
    set_aside(data)
    write_secret(CONFIG, json.dumps(configuration(environment, shutil.disk_usage(data.parent).total)))
    os.execvp("patroni", ["patroni", str(CONFIG)])  # noqa: S606 # it needs no shell


if __name__ == "__main__":
    main()
