"""The environment of a service, as variables of its component."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway import masking
from slipway.adopt import code
from slipway.adopt.code import Code, camel
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report
from slipway.adopt.services.roles import Part, Role, mentioned
from slipway.adopt.services.servers.postgres_clients import PostgresVariables
from slipway.adopt.services.settings import Settings, escaped

_REDIS_URL = re.compile(r"(?:rediss?|valkey)://(?:[^@/]*@)?(?P<host>[^:/?]+)(?::6379)?(?:/(?P<rest>.*))?")
_SETTING = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-[^${}]*)?\})", re.ASCII)
_SETTINGS = ("image", "host", "issuer", "repository")
"""The settings that the program reads itself."""
_LOG_IN = "the Redis component has a password: the process must log in with REDIS_PASSWORD"
_HOST_PORT = ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD")


@dataclass
class Environment:
    """The variables of one service, and the services that they lead to."""

    source: Source
    owner: Part
    parts: Mapping[str, Part]
    settings: Settings
    report: Report
    postgres: PostgresVariables
    code: list[Code] = field(default_factory=list)
    leads_to: dict[str, Part] = field(default_factory=dict)
    """The services, apart from Redis and Postgres, that the process connects to, by name."""
    _urls: dict[str, str] = field(default_factory=dict)
    """By Redis, the variable that has its URL."""

    def translate(
        self, variables: Mapping[str, Any], needs: Collection[str], words: Iterable[str] = ()
    ) -> None:
        """Translate the variables of a service that depends on others; `words` are those of its command."""
        texts = {name: _text(value) for name, value in variables.items()}
        self.postgres.begin(texts, words, needs)
        redis = {name: part for name, part in self.parts.items() if part.role is Role.REDIS}
        full = [part for part in redis.values() if self._has_address(texts, part)]
        self.code += [f"*{part.variable}.env" for part in full]
        for name, value in texts.items():
            self._variable(name, value, redis, bool(full))
        led = {part.service for part in full} | set(self._urls)
        for name in needs:
            if name in redis and name not in led:
                self.code.append(f"*{redis[name].variable}.env")
                self.report.changed(
                    f"services.{self.owner.service}.environment",
                    f"no variable names `{name}`, so the process gets REDIS_HOST, REDIS_PORT and"
                    " REDIS_PASSWORD: it must log in with the password",
                )

    def _has_address(self, texts: Mapping[str, str | None], redis: Part) -> bool:
        """Return whether variables name a Redis otherwise than by a URL, so that the password is missing."""
        return any(
            value and not _REDIS_URL.fullmatch(value) and any(mentioned(value, [redis]))
            for value in texts.values()
        )

    def _variable(self, name: str, value: str | None, redis: Mapping[str, Part], full: bool) -> None:
        path = f"services.{self.owner.service}.environment.{name}"
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            self.report.left_out(
                path, "its name has other characters than letters, digits and `_`: rename it"
            )
        elif value is None or not value.strip():
            what = "has no value here" if value is None else "is empty"
            self.report.left_out(path, f"it {what}: if the process needs it, add `EnvVar.value({name!r}, …)`")
        elif full and name in _HOST_PORT:
            self.report.translated(path, "comes from the Redis component")
        elif (match := _REDIS_URL.fullmatch(value)) and match["host"] in redis:
            self._redis_url(path, name, redis[match["host"]], match["rest"] or "0")
        elif self.postgres.take(name, value):
            pass
        elif _is_secret(name, value):
            self._secret(path, name, value)
        else:
            self._plain(path, name, value, redis)

    def _redis_url(self, path: str, name: str, redis: Part, rest: str) -> None:
        """Take a URL from Redis; one with another database refers to a variable before it."""
        if rest in ("0", ""):
            self.code.append(code.invoke(f"{redis.variable}.url", code.text(name)))
            self._urls.setdefault(redis.service, name)
        else:
            if redis.service not in self._urls:
                own = "REDIS_URL" if redis.variable == "redis" else f"{redis.variable.upper()}_URL"
                self._urls[redis.service] = own
                self.code.append(
                    code.invoke(f"{redis.variable}.url", *([code.text(own)] * (own != "REDIS_URL")))
                )
            url = code.text(f"$({self._urls[redis.service]})/{escaped(rest)}")
            self.code.append(code.invoke("EnvVar.value", code.text(name), url))
        self.report.changed(path, "a URL with the password of the Redis component, from a Secret")

    def _secret(self, path: str, name: str, value: str) -> None:
        self.code.append(self.settings.variable(name, value, self.owner.name))
        key = self.settings.secret_key(name, value, self.owner.name)
        servers = [part for part, _ in mentioned(value, self.parts.values())]
        text = f"a secret: `pulumi config set --secret {key}`"
        for part in servers:
            self._lead(part)
            if part.role is Role.SERVER:
                text += f", with the address of your own server in the place of `{part.service}`"
        self.report.changed(path, text)

    def _plain(self, path: str, name: str, value: str, redis: Mapping[str, Part]) -> None:
        written = self.source.expression("services", self.owner.service, "environment", name)
        named = list(mentioned(value, self.parts.values()))
        hosts = [part for part, _ in named]
        for part in hosts:
            self._lead(part)
        if value in redis:
            self.code.append(code.invoke("EnvVar.value", code.text(name), f"{redis[value].variable}.host"))
            self.report.changed(path, _LOG_IN)
        elif hosts:
            text, servers = _with_hosts(escaped(value), hosts)
            self.code.append(code.invoke("EnvVar.value", code.text(name), text))
            if servers:
                keys = ", ".join(f"`{part.variable}Host`" for part in servers)
                others = sorted({str(port) for part, port in named if port not in (None, part.port)})
                add = f"; add `Endpoint(port={others[0]}, cidr=…)` to `reaches`" if others else ""
                self.report.changed(path, f"has the address of your own server, the setting {keys}{add}")
            elif any(part.role is Role.REDIS for part in hosts):
                self.report.changed(path, _LOG_IN)
            else:
                self.report.translated(path, f"a variable; the network policy admits it to {hosts[0].name}")
        elif written and (match := _SETTING.fullmatch(written)):
            setting = match[1] or match[2]
            own = camel(setting) in (*_SETTINGS, *self.settings.plain, *self.settings.secret)
            key = camel(f"{self.owner.name}_{setting}" if own else setting)
            default = f"config.get({code.text(key)}) or {code.text(escaped(value))}"
            self.code.append(code.invoke("EnvVar.value", code.text(name), default))
            self.report.translated(path, f"the setting `{key}` of a stack, with a default")
        else:
            self.code.append(code.invoke("EnvVar.value", code.text(name), code.text(escaped(value))))
            self.report.translated(path, "a variable")

    def _lead(self, part: Part) -> None:
        if part.role in (Role.WEB, Role.SERVER) and part is not self.owner:
            self.leads_to[part.service] = part


def _is_secret(name: str, value: str) -> bool:
    named = masking.is_secret_name(name) and value not in ("true", "false")
    return named or bool(masking.PASSWORD_IN_URL.search(value))


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _with_hosts(value: str, hosts: Iterable[Part]) -> tuple[str, list[Part]]:
    """Return the code of a value with the components' names, and the servers that it names."""
    servers = [part for part in hosts if part.role is Role.SERVER]
    result = value.replace("{", "{{").replace("}", "}}") if servers else value
    for part in hosts:
        new = f"{{{part.variable}_host}}" if part in servers else part.name
        result = re.sub(rf"(?<![\w.-]){re.escape(part.service)}(?![\w.-])", new, result)
    if servers and result == f"{{{servers[0].variable}_host}}":
        return f"{servers[0].variable}_host", servers
    return code.text(result, "f" if servers else ""), servers
