"""The translation of services into components."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.reading import short_forms
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report, join, listed
from slipway.adopt.services import process
from slipway.adopt.services.environment import Environment
from slipway.adopt.services.exposure import Exposures
from slipway.adopt.services.fields import DEPLOY, FIELDS
from slipway.adopt.services.health import probes
from slipway.adopt.services.images import Images
from slipway.adopt.services.roles import TAG, Part, Role, mentioned, parts, texts
from slipway.adopt.services.servers.postgres import Names, PostgresTranslation, names
from slipway.adopt.services.servers.postgres_clients import PostgresVariables, databases_in
from slipway.adopt.services.servers.redis import RedisTranslation
from slipway.adopt.services.servers.redis_clients import RedisVariables
from slipway.adopt.services.settings import Settings
from slipway.adopt.services.storage import Storage
from slipway.adopt.services.top_level import top_level

PROCESS_DEFAULTS = (250, 128, 500, 256)
"""Thousandths of a core and MiB: requested, and the limits."""


@dataclass
class Translation:
    """The services of a source as components, and the rest of the program."""

    source: Source
    services: Mapping[str, Model]
    report: Report = field(default_factory=Report)
    settings: Settings = field(default_factory=Settings)
    statements: list[str] = field(default_factory=list)
    _made: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.images = Images(self.source, self.report)
        ports = {
            name: self._port(service, f"services.{name}") or self._named_port(name, service)
            for name, service in self.services.items()
        }
        self.parts = parts(self.services, ports)
        mounts = Counter(
            short_forms.mount(entry, f"services.{name}.volumes[{index}]").source
            for name, service in self.services.items()
            if self.parts[name].role in (Role.WEB, Role.WORKER, Role.JOB)
            for index, entry in enumerate(service.get("volumes", []))
        )
        self._exposures = Exposures(self.source, self.services, self.report)
        postgres = [part for part in self.parts.values() if part.role is Role.POSTGRES]
        self.databases = {part.service: (part, self._names(part.service)) for part in postgres}
        passwords = [own.secret for _, own in self.databases.values() if own.secret]
        self.storage = Storage(self.source, self.settings, self.report, mounts, passwords)

    def _names(self, service: str) -> Names:
        """Return what the source calls the database of a PostgreSQL."""
        all_texts = [text for other in self.services.values() for text in texts(other)]
        return names(self.services[service], list(databases_in(all_texts, service)))

    @property
    def host_settings(self) -> Mapping[str, Part]:
        """The services that clients outside reach, by the setting of their host name."""
        return self._exposures.host_settings

    def translate(self) -> None:
        """Translate all services; those that build come first, so that others find their image."""
        ordered = [part for part in self.parts.values() if self.services[part.service].get("build")]
        references = {part.service: self._image(part) for part in ordered}
        first = (Role.SERVER, Role.REDIS, Role.POSTGRES)  # others may name them without depending on them
        for part in sorted(self.parts.values(), key=lambda part: part.role not in first):
            path = f"services.{part.service}"
            if part.role is Role.NONE:
                self.report.left_out(path, part.reason)
            elif part.role is Role.SERVER:
                self._server(part, path)
            elif part.role is Role.REDIS:
                self._redis(part)
            elif part.role is Role.POSTGRES:
                self._postgres(part)
            else:
                self._component(part, path, references.get(part.service) or self._image(part))

    def _redis(self, part: Part) -> None:
        others = {
            str(value)
            for name, service in self.services.items()
            for variable, value in (service.get("environment") or {}).items()
            if name != part.service and variable != "REDIS_PASSWORD"
        }
        service = self.services[part.service]
        redis = RedisTranslation(part, service, self.source, self.report, self.storage.claims)
        self.statements.append(redis.statement(self.settings, others))

    def _postgres(self, part: Part) -> None:
        own = self.databases[part.service][1]
        service = self.services[part.service]
        postgres = PostgresTranslation(part, service, own, self.source, self.report, self.storage.claims)
        image = self.images.postgres(part, postgres.extension)
        self.statements.append(postgres.statement(image))

    def _image(self, part: Part) -> Code:
        return self.images.reference(self.services[part.service], part, f"services.{part.service}")

    def _port(self, service: Model, path: str) -> int | None:
        """Return the first port that a service listens on, if others may connect to it."""
        entries = enumerate(service.get("ports", []))
        ports = [short_forms.port(entry, f"{path}.ports[{index}]") for index, entry in entries]
        tcp = [port.target for port in ports if port.protocol == "tcp"]
        exposed = [short_forms.port(str(port), f"{path}.expose").target for port in service.get("expose", [])]
        return next(iter([*tcp, *exposed]), None)

    def _named_port(self, name: str, own: Model) -> int | None:
        """Return the port at which others name a service that publishes none: Compose lets them connect."""
        if own.get("ports") or own.get("expose"):  # they are of UDP
            return None
        part = Part(name, Role.WEB, "", "")
        for other, service in self.services.items():
            variables = (service.get("environment") or {}).items()
            said = [str(value) for key, value in variables if value is not None and not TAG.search(key)]
            for text in (*texts(service, commands=True), *said) if other != name else ():
                for found in mentioned(text, [part]):
                    if found.port:
                        return found.port
        return None

    def _server(self, part: Part, path: str) -> None:
        host, cidr = f"{part.variable}Host", f"{part.variable}Cidr"
        lacks = "slipway has no component for it"
        if part.port == 5432:
            lacks = "the component Postgres lacks its extensions, which Debian does not have"
        self.report.left_out(path, f"{lacks}: run a server, and set its address, `{host}` and `{cidr}`")
        self.settings.plain |= {host: f"{part.name}.example.com", cidr: "192.0.2.1/32"}
        endpoint = code.invoke("Endpoint", port=str(part.port), cidr=f'config.require("{cidr}")')
        comment = f"# TODO: run {part.service} yourself, for example as a service of your cloud provider."
        self.statements.append(
            f"{comment}\n{code.statement(part.variable, endpoint)}\n"
            + code.statement(f"{part.variable}_host", f'config.require("{host}")')
        )

    def _component(self, part: Part, path: str, image: Code) -> None:
        """Add the statement that makes the component of a service."""
        service = self.services[part.service]
        self.report.settle(service, path, FIELDS)
        self.report.settle(service.get("deploy", {}), join(path, "deploy"), DEPLOY)
        if part.role is Role.WEB and not service.get("ports") and not service.get("expose"):
            self.report.changed(path, f"others name its port {part.port}, so a Service leads to it")
        variables: list[Code] = []
        postgres = PostgresVariables(path, self.databases, self.report, variables)
        caches = {name: other for name, other in self.parts.items() if other.role is Role.REDIS}
        redis = RedisVariables(path, caches, self.report, variables)
        environment = Environment(
            self.source, part, self.parts, self.settings, self.report, postgres, redis, variables
        )
        arguments: dict[str, Code | None] = {"namespace": "namespace.name", "image": image}
        needs: Mapping[str, Any] = service.get("depends_on", {})
        environment.translate(service.get("environment") or {}, needs, texts(service, commands=True))
        arguments |= self._commands(service, path, environment)
        after = self._after(needs, path, environment)
        self.storage.translate(service, part, path)
        lasting = part.role is not Role.JOB
        replicas = self._replicas(service, path, lasting)
        if replicas is None and self.storage.keeps:
            replicas = 1
        reaches = [self._endpoint(other) for other in environment.leads_to.values()]
        arguments |= {
            "replicas": str(replicas) if lasting and replicas is not None else None,
            "env": _array(environment.code),
            "files": _array(self.storage.files),
            "volumes": _array(self.storage.volumes),
            "tmp": code.text(self.storage.tmp) if self.storage.tmp else None,
            "expose": self._exposures.exposure(service, part, path),
            "resources": process.amounts(service, path, self.report, PROCESS_DEFAULTS),
            **probes(service, part, path, self.report, self.parts.values()),
            "security": process.security(service, path, self.images.user(service), self.report),
            **process.stopping(service, part.role, path, self.report),
            "reaches": _array(reaches),
            "after": _array(after),
            "platform": self._platform(service, path),
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        component = code.invoke(part.role, code.text(part.name), **given)
        self._made.add(part.service)
        variable = "" if part.role is Role.WORKER else part.variable
        self.statements.append(code.statement(variable, component))

    def _commands(self, service: Model, path: str, environment: Environment) -> dict[str, Code | None]:
        """Return the arguments for the entrypoint and the command."""
        arguments: dict[str, Code | None] = {}
        for key, argument in (("entrypoint", "command"), ("command", "args")):
            if words := service.get(key):
                arguments[argument] = environment.command(words, join(path, key))
                self.report.translated(join(path, key), f"{argument}, in the place of the image's")
            elif words is not None:
                self.report.left_out(join(path, key), "it is empty: the image's own runs")
        return arguments

    def _platform(self, service: Model, path: str) -> Code | None:
        if "platform" not in service:
            return None
        self.report.translated(join(path, "platform"), "platform")
        return code.text(str(service["platform"]))

    def _endpoint(self, part: Part) -> Code:
        if part.role is Role.SERVER:
            return part.variable
        pods: Code = f"{part.variable}.selector"
        if part.service not in self._made:
            pods = code.mapping({"app.kubernetes.io/name": code.text(part.name)})
        return code.invoke("Endpoint", port=str(part.port), pods=pods)

    def _after(self, needs: Mapping[str, Any], path: str, environment: Environment) -> list[str]:
        """Return the components that must be ready before."""
        after = []
        for name in needs:
            place = join(path, f"depends_on.{name}")
            written = (
                self.source.written["services"].get(path.removeprefix("services."), {}).get("depends_on", {})
            )
            keys = tuple(key for key in ("condition", "required") if key in written.get(name, {}))
            part = self.parts.get(name)
            if part is None or part.role is Role.NONE:
                self.report.left_out(place, f"`{name}` is not in the program")
                continue
            if part.role is Role.REDIS:
                self.report.translated(
                    place, "the variables of Redis make it wait until Redis is ready", *keys
                )
            elif part.role is Role.POSTGRES:
                text = "the variables of Postgres make it wait until its user can log in"
                self.report.translated(place, text, *keys)
            elif part.role is Role.SERVER:
                environment.leads_to[name] = part
                self.report.changed(
                    place, "its network policy admits it to your server; nothing waits", *keys
                )
            elif part.role is Role.WORKER:
                self.report.left_out(
                    place, "nothing can tell when a worker is ready: the process must wait itself"
                )
            else:
                if part.role is Role.WEB:
                    environment.leads_to[name] = part
                after.append(part.variable)
                how_long = "has ended well" if part.role is Role.JOB else "is ready"
                self.report.translated(place, f"after: it is updated when `{name}` {how_long}", *keys)
            if "restart" in written.get(name, {}):
                self.report.left_out(
                    f"{place}.restart", "pods are not restarted with others: clients must reconnect"
                )
        return after

    def _replicas(self, service: Model, path: str, lasting: bool) -> int | None:
        found = None
        for key, value in (
            ("scale", service.get("scale")),
            ("deploy.replicas", service.get("deploy", {}).get("replicas")),
        ):
            if value is not None:
                found = short_forms.count(value, join(path, key))
                if not lasting:
                    self.report.left_out(join(path, key), "a Job runs once")
                elif found == 0:
                    found = 1
                    text = "a component has one replica or more: delete it from the program if none may run"
                    self.report.left_out(join(path, key), text)
                else:
                    self.report.translated(join(path, key), "replicas")
        return found

    def finish(self, chosen: Sequence[str]) -> None:
        """Record what is not about an active service, and what nothing has recorded."""
        for name, service in self.source.model["services"].items():
            if name not in self.services:
                profiles = listed(service.get("profiles", []))
                active = ", ".join(chosen) or "none"
                self.report.left_out(
                    f"services.{name}",
                    f"it runs with the profile {profiles} only (chosen: {active}): use --profile",
                )
        top_level(self.source, self.services, self.storage.claims, self.report)
        for name, service in self.source.written["services"].items():
            if "env_file" in service:
                place = f"services.{name}.env_file"
                self.report.translated(place, "its variables are in the report like others", whole=True)
        self.report.complete(self.source.written)
        self.report.rename(self.source.origins)
        for path, text, done in self.source.lines:
            (self.report.translated if done else self.report.left_out)(path, text)


def _array(items: Sequence[Code]) -> Code | None:
    return code.array(items) if items else None
