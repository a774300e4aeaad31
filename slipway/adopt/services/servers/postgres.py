"""A service that runs PostgreSQL, as the component."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway import masking
from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.reading import short_forms
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Fate, Report, join
from slipway.adopt.services import process
from slipway.adopt.services.fields import DEPLOY, FIELDS
from slipway.adopt.services.roles import Part, base_name

VERSION = "15"
STORAGE = "1Gi"
DEFAULTS = (100, 256, 1000, 512)
LEAST_MIB = 256
EXTENSIONS = {
    "postgis": ("postgresql-15-postgis-3", "postgis"),
    "pgvector": ("postgresql-15-pgvector", "vector"),
}
"""By the name of an image: Debian's package, and the extension in it."""
FIXED = {
    "archive_command", "archive_mode", "archive_timeout", "cluster_name", "config_file", "data_directory",
    "external_pid_file", "hba_file", "hot_standby", "ident_file", "listen_addresses", "port",
    "primary_conninfo", "primary_slot_name", "promote_trigger_file", "restore_command",
    "synchronous_standby_names", "unix_socket_directories", "wal_log_hints", "fsync", "full_page_writes",
    "recovery_target", "recovery_target_time", "recovery_target_timeline", "password_encryption",
    "ssl", "ssl_cert_file", "ssl_key_file",
    "logging_collector", "log_directory", "log_filename", "log_destination",
}  # fmt: skip
"""The parameters that the component sets itself, and refuses."""
RESERVED = {"postgres", "superuser", "replication", "restapi", "public", "none", "template0", "template1"}
"""The names of databases that the component refuses."""
_BY_LIMIT = ("shared_buffers", "effective_cache_size")
_DATA = ("/var/lib/postgresql/data", "/var/lib/postgresql", "/bitnami/postgresql")
_INITDB = "/docker-entrypoint-initdb.d"
_NAME_KEYS = ("POSTGRES_DB", "POSTGRESQL_DATABASE")
_USER_KEYS = ("POSTGRES_USER", "POSTGRESQL_USERNAME")
_PASSWORD_KEYS = ("POSTGRES_PASSWORD", "POSTGRESQL_PASSWORD")
_FILE_KEYS = tuple(f"{key}_FILE" for key in _PASSWORD_KEYS)
C, L = Fate.CHANGED, Fate.LEFT_OUT
_CLIENTS = "only its clients in the cluster reach it; from your machine: `kubectl port-forward`"
_OWN: Mapping[str, tuple[Fate, str]] = {
    **dict.fromkeys(("entrypoint", "user", "tmpfs", "configs", "secrets"), (L, "the component has its own")),
    **dict.fromkeys(("ports", "expose"), (L, _CLIENTS)),
    **dict.fromkeys(
        ("scale", "deploy.replicas"), (L, "each replica of the component is a standby: `replicas=2`")
    ),
    "healthcheck": (C, "the component has its own probes; its clients wait until their user can log in"),
    "shm_size": (C, "the component has a /dev/shm that fits its memory limit"),
    "stop_grace_period": (L, "the component hands its role over before it stops"),
    "depends_on": (L, "the component waits for nothing"),
    "platform": (L, "set `platform`, and `platforms` of the AppImage"),
}


@dataclass(frozen=True)
class Names:
    """The database of a component, and what the source calls it."""

    name: str
    """The database, and the user that owns it."""
    databases: frozenset[str]
    """The names that the source has for the database."""
    user: str
    """The user of the source, in whose place the owner of the database is."""
    password: str | None
    """The password of the source, which the component replaces; None if a file or nothing has it."""
    secret: str | None
    """The secret of the source whose file has the password."""


def names(service: Model, urls: Iterable[str]) -> Names:
    """Return the names of a service; `urls` are the databases that others name in URLs of it."""
    variables: Mapping[str, Any] = service.get("environment") or {}
    given = {key: str(value) for key, value in variables.items() if value}
    user = next((given[key] for key in _USER_KEYS if key in given), "postgres")
    database = next((given[key] for key in _NAME_KEYS if key in given), "")
    password = next((given[key] for key in _PASSWORD_KEYS if key in given), None)
    file = next((given[key] for key in _FILE_KEYS if key in given), "")
    own = {database or user}
    if not database:
        own.add(next(iter(urls), user))
    name = database or max(own - {"postgres"}, default="app")
    return Names(_identifier(name), frozenset(own), user, password, file.rpartition("/")[2] or None)


def _identifier(name: str) -> str:
    """Return a name as the component takes it."""
    word = re.sub("[^a-z0-9_]", "_", name.lower())[:63]
    word = word if word[:1].isalpha() or word[:1] == "_" else f"db_{word}"[:63]
    return "app" if word in RESERVED or word.startswith("pg_") else word


@dataclass
class PostgresTranslation:
    """The translation of one service."""

    part: Part
    service: Model
    names: Names
    source: Source
    report: Report
    claims: dict[str, str]
    """The claim of each volume that a component keeps its data in."""

    @property
    def path(self) -> str:
        """The place of the service in the source."""
        return f"services.{self.part.service}"

    @property
    def extension(self) -> tuple[str, str] | None:
        """The package and the extension that the image is about."""
        return EXTENSIONS.get(base_name(self.service))

    def statement(self, image: Code) -> str:
        """Return the statement that makes the component."""
        self.report.settle(self.service, self.path, {**FIELDS, **_OWN})
        self.report.settle(self.service.get("deploy", {}), join(self.path, "deploy"), DEPLOY)
        self._image()
        self._variables()
        self._volumes()
        database: dict[str, Code] = {"name": code.text(self.names.name)}
        if self.extension:
            database["extensions"] = code.texts([self.extension[1]])
        arguments: dict[str, Code] = {"namespace": "namespace.name", "image": image}
        arguments["storage"] = code.text(STORAGE)
        arguments["databases"] = code.array([code.invoke("Database", **database)])
        if parameters := self._parameters():
            arguments["parameters"] = code.mapping(
                {key: code.text(value) for key, value in parameters.items()}
            )
        if resources := self._resources():
            arguments["resources"] = resources
        component = code.invoke("Postgres", code.text(self.part.name), **arguments)
        return code.statement(self.part.variable, component)

    def _image(self) -> None:
        tag = str(self.service["image"]).partition("@")[0].rpartition("/")[2].partition(":")[2]
        version = re.match(r"(?:pg)?(\d+)", tag)
        text = f"PostgreSQL {VERSION} with Patroni, in an image that the program builds"
        if self.extension:
            text += f", with Debian's {self.extension[0]}"
        if version and version[1] != VERSION:
            text += f"; not {version[1]}: check that the application works with {VERSION}"
        text += "; move data with `pg_dump` and `psql`. `pulumi destroy` refuses to delete it without"
        text += " `protect=False`. On the sandbox: `sandbox up --postgres`"
        self.report.changed(join(self.path, "image"), text)

    def _variables(self) -> None:
        for key in self.service.get("environment") or {}:
            place = join(self.path, f"environment.{key}")
            if key in _NAME_KEYS:
                self.report.changed(place, f"the database `{self.names.name}`")
            elif key in _USER_KEYS:
                text = f"the user `{self.names.name}` owns the database; it is no superuser"
                self.report.changed(place, text)
            elif key in (*_PASSWORD_KEYS, *_FILE_KEYS):
                self.report.changed(
                    place, "not copied: the component makes a password, and gives it to clients"
                )
            else:
                self.report.left_out(place, "the component does not read it; for settings see `parameters`")

    def _volumes(self) -> None:
        for index, entry in enumerate(self.service.get("volumes", [])):
            place = f"{self.path}.volumes[{index}]"
            mount = short_forms.mount(entry, place)
            keys = ("type", "source", "target", "read_only", "tmpfs.size")
            known = self.source.keys(self.part.service, "volumes", index, keys)
            if mount.target.startswith(_INITDB):
                text = "no script runs at the first start: make tables in a Job of the application, and"
                self.report.left_out(place, f"{text} extensions by `Database(extensions=[…])`")
            elif mount.target.startswith(_DATA):
                if mount.kind == "volume":
                    self.claims[mount.source] = f"{self.part.name}-0"
                self.report.changed(place, f"storage: a claim of {STORAGE}, as Compose gives no size", *known)
            else:
                self.report.left_out(place, "the component has its own files: for settings see `parameters`")

    def _parameters(self) -> dict[str, str]:
        if "command" not in self.service:
            return {}
        place = join(self.path, "command")
        given, rest = _options([str(word) for word in self.service["command"] or []])
        kept: dict[str, str] = {}
        for name, value in given.items():
            if name in FIXED:
                self.report.left_out(place, f"{name}: the component sets it itself")
            elif name in _BY_LIMIT:
                self.report.left_out(place, f"{name}: it follows from the memory limit: see `resources`")
            elif masking.is_secret_name(name) or masking.masked_text(value) != value:
                self.report.left_out(place, f"{name}: it has a secret, which the program must not have")
            elif reason := _refused(name, value):
                self.report.left_out(place, f"{name}={value}: {reason}")
            else:
                kept[name] = value
        if kept:
            self.report.changed(place, "parameters")
        if rest:
            self.report.left_out(place, f"{masking.masked_text(' '.join(rest))}: use `parameters`")
        if not given and not rest:
            self.report.changed(place, "the component has its own")
        return kept

    def _resources(self) -> Code | None:
        """Return the resources; the component refuses a memory limit that is too small."""
        service = dict(self.service)
        limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        places = {
            "mem_limit": service.get("mem_limit"),
            "deploy.resources.limits.memory": limits.get("memory"),
        }
        small = {
            key: value
            for key, value in places.items()
            if value is not None and short_forms.mebibytes(value, join(self.path, key)) < LEAST_MIB
        }
        for key, value in small.items():
            text = f"{LEAST_MIB}Mi instead of {value}: the least that the component takes"
            self.report.changed(join(self.path, key), text)
            if key == "mem_limit":
                service[key] = f"{LEAST_MIB}m"
            else:
                more = {**service["deploy"]["resources"], "limits": {**limits, "memory": f"{LEAST_MIB}m"}}
                service["deploy"] = {**service["deploy"], "resources": more}
        return process.amounts(service, self.path, self.report, DEFAULTS)


def _options(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Return the parameters of postgres, of `-c name=value` and `--name=value`, and the other words."""
    given: dict[str, str] = {}
    rest: list[str] = []
    left = list(
        words[1:] if words[:1] and words[0].rpartition("/")[2] in ("postgres", "postmaster") else words
    )
    while left:
        word = left.pop(0)
        if word == "-c" and left:
            word = left.pop(0)
        elif word.startswith(("-c", "--")):
            word = word[2:]
        else:
            rest.append(word)
            continue
        name, mark, value = word.partition("=")
        if mark and name:
            given[name.replace("-", "_").lower()] = value
        else:
            rest.append(word)
    return given, rest


def _refused(name: str, value: str) -> str:
    """Return why the component would refuse a parameter."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?", name) or not value.isprintable():
        return "it is not a parameter in one line"
    if name == "max_connections" and not (value.isdecimal() and 25 <= int(value) <= 10000):
        return "the component takes 25 to 10000"
    if name == "wal_level" and value not in ("replica", "logical"):
        return "standbys need replica or logical"
    return ""
