"""The options of Postgres: databases, their users, parameters, backups."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from components.kubernetes.endpoint import Endpoint
from components.kubernetes.pod import Compute, Resources
from components.kubernetes.schedule import Schedule
from components.validation import Count, InputText, Memory, Name, conflict, matching, options, quantity

PORT = 5432
DEFAULT_RESOURCES = Resources(
    requests=Compute(cpu="100m", memory="256Mi"), limits=Compute(cpu="1", memory="512Mi")
)
LEAST_MEMORY = "256Mi"
LEAST_STORAGE = "256Mi"
LONGEST_NAME = 40
RESERVED = {"postgres", "superuser", "replication", "restapi", "public", "none", "template0", "template1"}
Durability = Literal["async", "sync"]


def _identifier(value: str) -> str:
    if not re.fullmatch("[a-z_][a-z0-9_]{0,62}", value):
        raise ValueError(
            "must be at most 63 lower-case letters, digits and underscores, not starting with a digit"
        )
    if value in RESERVED or value.startswith("pg_"):
        raise ValueError("is a name that PostgreSQL or the component uses itself")
    return value


def _database_name(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(
            f"must be at most {LONGEST_NAME} characters: Kubernetes appends to the names of its Jobs"
        )
    return value


def _several(value: object) -> object:
    if isinstance(value, str):
        raise ValueError(f"must be a list: [{value!r}]")
    return value


def _memory_for_a_server(value: Resources) -> Resources:
    value = value.with_defaults(DEFAULT_RESOURCES)
    limit = value.limits.as_dict["memory"]
    if quantity(limit) < quantity(LEAST_MEMORY):
        text = (
            f"is {limit}, but must be at least {LEAST_MEMORY}: PostgreSQL, Patroni and the archive share it"
        )
        raise conflict(text, "limits", "memory", use=LEAST_MEMORY)
    return value


def _storage(value: str) -> str:
    if quantity(value) < quantity(LEAST_STORAGE):
        raise ValueError(f"must be at least {LEAST_STORAGE}: an empty database and its logs take 200Mi")
    return value


PostgresName = Annotated[Name, AfterValidator(_database_name)]
Identifier = Annotated[str, AfterValidator(_identifier)]
Users = Annotated[Sequence[Identifier], BeforeValidator(_several)]
ExtensionName = Annotated[
    str, matching("[a-z][a-z0-9_-]{0,62}", "must be the name of an extension: pg_trgm, pgcrypto")
]
PostgresResources = Annotated[Resources, AfterValidator(_memory_for_a_server)]
Storage = Annotated[Memory, AfterValidator(_storage)]
Replicas = Annotated[Count, Field(le=9)]


@options
class Database:
    """A database, and who may do what in it.

    The user with the database's name owns it: this user makes and changes tables. `writers` read and write
    the rows of all its tables, `readers` only read them. Each user has a password of its own.
    """

    name: Identifier
    readers: Users = ()
    writers: Users = ()
    extensions: Annotated[Sequence[ExtensionName], BeforeValidator(_several)] = ()
    """Extensions to create: those of postgresql-contrib, or of packages that the image has."""

    @property
    def users(self) -> list[str]:
        """Everybody who may log in to it."""
        return [self.name, *self.readers, *self.writers]

    @property
    def as_dict(self) -> dict[str, object]:
        """What the Job of an update reads."""
        return {
            "name": self.name,
            "readers": list(self.readers),
            "writers": list(self.writers),
            "extensions": list(self.extensions),
        }


# The component or Patroni sets these; another value would break replication, archive or failover.
_FIXED = {
    "archive_command", "archive_mode", "archive_timeout", "cluster_name", "config_file", "data_directory",
    "external_pid_file", "hba_file", "hot_standby", "ident_file", "listen_addresses", "port",
    "primary_conninfo", "primary_slot_name", "promote_trigger_file", "restore_command",
    "synchronous_standby_names", "unix_socket_directories", "wal_log_hints", "fsync", "full_page_writes",
    "recovery_target", "recovery_target_time", "recovery_target_timeline", "password_encryption",
    "ssl", "ssl_cert_file", "ssl_key_file",
    "logging_collector", "log_directory", "log_filename", "log_destination",
}  # fmt: skip


def _parameters(value: Mapping[str, object]) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError('must be a mapping of parameters: {"max_connections": "200"}')
    for name, setting in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?", name):
            raise ValueError(f"{name!r} must be the name of a parameter: work_mem, pg_stat_statements.max")
        if name in _FIXED:
            raise ValueError(f"must not have {name}, which the component sets itself")
        if isinstance(setting, bool) or not isinstance(setting, str | int | float):
            raise ValueError(f'{name} is {setting!r}, but must be text or a number: "on", 200, "64MB"')
        if isinstance(setting, str) and (not setting.isprintable() or len(setting) > 1000):
            raise ValueError(f"{name} must be at most 1000 characters of one line")
    texts = {name: str(setting) for name, setting in value.items()}
    connections = texts.get("max_connections", "100")
    if not connections.isdecimal() or not 25 <= int(connections) <= 10000:
        raise ValueError(f"max_connections is {connections!r}, but must be a number from 25 to 10000")
    if (level := texts.get("wal_level", "replica")) not in ("replica", "logical"):
        raise ValueError(f"wal_level is {level!r}, but must be replica or logical: standbys need it")
    return texts


Parameters = Annotated[Mapping[str, str], BeforeValidator(_parameters)]

_UNITS = {"kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}


def buffers(value: str) -> int | None:
    """Return the bytes of shared_buffers, which PostgreSQL also takes as a number of pages."""
    match = re.fullmatch(r"(\d+) ?(kB|MB|GB|TB)?", value)
    return int(match[1]) * (_UNITS[match[2]] if match[2] else 8192) if match else None


def _moment(value: str) -> str:
    if value == "LATEST":
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("must be LATEST, or a time with its zone: 2026-01-31T12:00:00+00:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"must have a zone: {value}+00:00")
    return value


@options
class Restore:
    """What a new database begins with: the archive of another one, at a moment."""

    server: PostgresName
    """The name of the database whose archive is read; it may still run, and is not touched."""
    time: Annotated[str, AfterValidator(_moment)] = "LATEST"

    @property
    def variables(self) -> dict[str, str]:
        """The environment of what restores, and of what checks that it was restored."""
        return {"RESTORE_SERVER": self.server, "RESTORE_TIME": self.time}


def _store(value: str) -> str:
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_.=-]+)*", value):
        raise ValueError("must be s3://BUCKET or s3://BUCKET/PREFIX, without a slash at the end")
    return value


def _endpoint(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("must be the URL of an S3 server, without a path: http://10.0.0.5:7070")
    if parts.username or parts.password:
        raise ValueError("must be without a login: access_key and secret_key are arguments of their own")
    return value.rstrip("/")


@options
class Backups:
    """Where the database is archived, continuously, and what is kept there.

    Every segment of the write-ahead log goes to the store, at least each minute, and a base backup at the
    times of `schedule`. All that a restore to any moment of the last `window_days` needs is kept.
    """

    url: Annotated[str, AfterValidator(_store)]
    """s3://BUCKET/PREFIX; the database's own name follows in it."""
    access_key: InputText
    secret_key: InputText
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """The URL of the store if it is not Amazon's."""
    region: Annotated[str, matching("[a-z0-9-]+", "must be the name of a region: eu-central-1")] = "us-east-1"
    encryption: Literal["AES256", "aws:kms"] | None = None
    """How the store encrypts; by default as its bucket does."""
    window_days: Annotated[Count, Field(le=3650)] = 14
    schedule: Schedule = "30 1 * * *"
    """When base backups are made, in UTC."""
    drill: Schedule | None = "30 3 * * 0"
    """When the newest backup is proven by restoring it; None leaves that to updates."""

    @property
    def destination(self) -> Endpoint:
        """What the pods have to reach: the address of the endpoint, or every address on its port."""
        parts = urlsplit(self.endpoint or "https://s3.amazonaws.com")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            address = ipaddress.ip_address(parts.hostname or "")
        except ValueError:
            return Endpoint(port=port, cidr="0.0.0.0/0")
        return Endpoint(port=port, cidr=f"{address}/{address.max_prefixlen}")

    @property
    def variables(self) -> dict[str, str]:
        """The environment of what reads or writes the store."""
        return {
            "BACKUP_URL": self.url,
            "BACKUP_ENDPOINT": self.endpoint or "",
            "BACKUP_REGION": self.region,
            "BACKUP_ENCRYPTION": self.encryption or "",
            "BACKUP_WINDOW_DAYS": str(self.window_days),
        }
