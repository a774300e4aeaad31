"""The role of each service in the program, and the names that it has there."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from slipway.adopt.code import identifier
from slipway.adopt.reading.compose_files import Model
from slipway.errors import BadSource


class Role(StrEnum):
    """The kind of component that a service becomes."""

    WEB = "WebService"
    WORKER = "Worker"
    JOB = "Job"
    REDIS = "Redis"
    POSTGRES = "Postgres"
    SERVER = "Endpoint"
    """A server that the program does not run: it has settings for its address."""
    NONE = ""


_REDIS = {"redis", "valkey", "redis-stack-server"}
_POSTGRES = {"postgres", "postgresql", "postgis", "pgvector"}
SERVERS = {
    "timescaledb": 5432,
    "mysql": 3306, "mariadb": 3306, "percona": 3306, "mongo": 27017, "mongodb": 27017, "rabbitmq": 5672,
    "memcached": 11211, "elasticsearch": 9200, "opensearch": 9200, "kafka": 9092, "zookeeper": 2181,
    "minio": 9000, "cassandra": 9042, "clickhouse-server": 8123, "cockroach": 26257, "nats": 4222,
    "influxdb": 8086, "neo4j": 7687, "couchdb": 5984, "etcd": 2379,
}  # fmt: skip
"""Servers with data, by the name of their image, and their ports."""
# Names that the program has for other things.
_TAKEN = ("config", "namespace", "image", "pulumi", "secrets", "host", "os", "k8s", "build_secrets", "str")


@dataclass(frozen=True)
class Part:
    """A service in its role."""

    service: str
    role: Role
    variable: str
    name: str
    """The name of the component, under which clients reach it."""
    port: int | None = None
    """The port that it listens on."""
    reason: str = ""
    """Why it has no role, and what to do."""


def parts(services: Mapping[str, Model], ports: Mapping[str, int | None]) -> dict[str, Part]:
    """Return the services in their roles, in an order in which each comes after what it needs.

    `ports` has the port of each service that others may connect to.

    Raises:
        BadSource: services depend on each other in a circle, or two have the same name on Kubernetes.
    """
    jobs = {
        needed
        for service in services.values()
        for needed, how in service.get("depends_on", {}).items()
        if isinstance(how, Mapping) and how.get("condition") == "service_completed_successfully"
    }
    built = {service["image"] for service in services.values() if service.get("build") and "image" in service}
    found: dict[str, Part] = {}
    names: dict[str, str] = {}
    for name in _ordered(services):
        role, reason = _role(name, services[name], jobs, built, ports.get(name))
        own = _component_name(name, 40 if role is Role.POSTGRES else 50)
        if own in names:
            raise BadSource(f"services.{names[own]} and services.{name} would both be {own!r}: rename one")
        names[own] = name
        variable = identifier(name, {*_TAKEN, *(part.variable for part in found.values())})
        port = SERVERS[base_name(services[name])] if role is Role.SERVER else ports.get(name)
        port = {Role.REDIS: 6379, Role.POSTGRES: 5432}.get(role, port)
        found[name] = Part(name, role, variable, own, port, reason)
    return found


def _role(name: str, service: Model, jobs: set[str], built: set[str], port: int | None) -> tuple[Role, str]:
    if not service.get("build") and service.get("image") not in built:
        base = base_name(service)
        if base in _REDIS:
            return Role.REDIS, ""
        if base in _POSTGRES:
            return Role.POSTGRES, ""
        if base in SERVERS:
            return Role.SERVER, ""
        if not re.search(r"(@sha256:[0-9a-f]{64}|:(?!latest$)[\w][\w.-]*)$", str(service["image"])):
            reason = f"the image {service['image']} has no version: name one, and run `slipway adopt` again"
            return Role.NONE, reason
    if name in jobs:
        return Role.JOB, ""
    return (Role.WEB if port else Role.WORKER), ""


def base_name(service: Model) -> str:
    """Return the name of a service's image without registry, owner and version."""
    path = str(service.get("image", "")).partition("@")[0].rpartition("/")[2]
    return path.partition(":")[0].lower()


def _component_name(service: str, longest: int) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", service.lower()).strip("-")
    name = name if name[:1].isalpha() else f"service-{name}".rstrip("-")
    if len(name) > longest:
        raise BadSource(f"services.{service} has a name of {len(name)} characters: use at most {longest}")
    return name


def _ordered(services: Mapping[str, Model]) -> Sequence[str]:
    """Return the names of the services, each after what it depends on."""
    done: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> Iterator[str]:
        if name in above:
            circle = " → ".join((*above[above.index(name) :], name))
            raise BadSource(f"services depend on each other in a circle, {circle}: remove one `depends_on`")
        if name not in done:
            for needed in services[name].get("depends_on", {}):
                if needed in services:
                    yield from visit(needed, (*above, name))
            done[name] = None
            yield name

    return [found for name in services for found in visit(name, ())]


TAG = re.compile(r"(?:^|_)(?:tag|image|version|queue)s?$", re.IGNORECASE)
"""The ends of names whose values may have a number after a colon that is no port, as `worker:2`."""
_KIND = re.compile(
    r"(?:^|[_.-])(?:active|adapter|backend|client|connection|dialect|disk|driver|engine|kind|mode|platform|profiles?"
    r"|protocol|provider|scheme|store|transport|type|vendor)$",
    re.IGNORECASE,
)
"""The ends of names whose values are a kind of server. `BACKEND: api` names a host: no kind is called so."""
_LOGIN = re.compile(
    r"(?:^|[_.-])(?:database|db|dbname|(?<!host[_.-])(?<!server[_.-])name|pass(?:word)?|user(?:name)?)$",
    re.IGNORECASE,
)
"""The ends of names whose values are a user or a database that is called like a server."""


@dataclass(frozen=True)
class Mention:
    """A service that a text names as a host."""

    part: Part
    begin: int
    end: int
    """The place of the name in the text."""
    port: int | None
    plain: bool
    """Whether the name stands alone: without a port, and not in a URL."""


def mentioned(value: str, parts: Iterable[Part], name: str = "") -> Iterator[Mention]:
    """Yield the services that a value names as hosts; `name` is the variable's.

    The scheme `mongodb://`, the path `/var/lib/mysql` and `DB_CONNECTION: mysql` are no hosts.
    """
    for part in parts:
        host = re.escape(part.service)
        ends = r"$|[\s,;)\]'\"|&>]"
        pattern = (
            rf"(?:(?P<url>(?<=//)|(?<=@))|(?<![^\s,;=(\['\"|])){host}"
            rf"(?::(?P<port>\d+)(?={ends}|[/?#])|(?={ends})|(?<=[/@]{host})(?=[/?#]))"
        )
        for match in re.finditer(pattern, value):
            begin, plain = match.start(), match["url"] is None and match["port"] is None
            key = re.search(r"([\w.-]+)=$", value[:begin])
            named = key[1] if key else name
            is_kind = part.role in (Role.REDIS, Role.POSTGRES, Role.SERVER) and _KIND.search(named)
            if plain and (is_kind or _LOGIN.search(named)):
                continue
            port = int(match["port"]) if match["port"] else None
            yield Mention(part, begin, begin + len(part.service), port, plain and not key)


def texts(service: Model, *, commands: bool = False) -> list[str]:
    """Return the words of a service's commands and, without `commands`, the values of its variables."""
    words = [str(word) for key in ("entrypoint", "command") for word in service.get(key) or []]
    variables = [] if commands else (service.get("environment") or {}).values()
    return [*words, *(str(value) for value in variables if value is not None)]
