"""The environment and the commands of a service, as variables and words of its component."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slipway import masking
from slipway.adopt import code
from slipway.adopt.code import Code, camel
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report
from slipway.adopt.services.roles import Mention, Part, Role, mentioned
from slipway.adopt.services.servers.postgres_clients import PostgresVariables
from slipway.adopt.services.servers.redis_clients import RedisVariables
from slipway.adopt.services.settings import Settings, escaped, has_secret, hidden, secret_words

_SETTING = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-[^${}]*)?\})", re.ASCII)
_SETTINGS = ("image", "host", "issuer", "repository")
"""The settings that the program reads itself."""


@dataclass
class Environment:
    """The variables of one service, and the services that they lead to."""

    source: Source
    owner: Part
    parts: Mapping[str, Part]
    settings: Settings
    report: Report
    postgres: PostgresVariables
    redis: RedisVariables
    code: list[Code]
    leads_to: dict[str, Part] = field(default_factory=dict)
    """The services, apart from Redis and Postgres, that the process connects to, by name."""
    _hidden: int = 0
    """How many variables have secrets of commands."""

    def translate(self, variables: Mapping[str, Any], needs: Collection[str], words: Sequence[str]) -> None:
        """Translate the variables of a service that depends on others; `words` are those of its command."""
        texts = {name: _text(value) for name, value in variables.items()}
        self.postgres.begin(texts, words, needs)
        self.redis.begin(texts, words, needs)
        for name, value in texts.items():
            self._variable(name, value)

    def command(self, words: Iterable[Any], path: str) -> Code:
        """Return a command with the addresses of the program; its secrets become variables."""
        given = self.redis.command(self.postgres.command(map(str, words)))
        referred = (*self.postgres.passwords, *self.redis.urls)
        shown, variables = hidden(given, self.settings, self.owner.name, referred, self._hidden + 1)
        self._hidden += len(variables)
        self.code += variables
        self._secret_words(given, path)
        named = [found for word in shown for found in mentioned(word, self.parts.values())]
        for service in dict.fromkeys(found.part.service for found in named if found.plain):
            part = self.parts[service]
            if part.role is Role.SERVER:
                text = f"`{service}` stays in it: if it is the host, write `{part.variable}_host`"
                self.report.left_out(path, text)
        addresses = [found for found in named if not found.plain]
        if any(found.part.role is Role.SERVER for found in addresses):
            self.report.changed(path, self._address(addresses))
        for found in addresses:
            self._lead(found.part)
        return code.array(_with_hosts(word, _addresses(word, self.parts.values())) for word in shown)

    def _secret_words(self, words: Sequence[str], path: str) -> None:
        """Record what to change in the secrets of a command, which the program does not have."""
        secret = secret_words(words)
        named = {
            found.part.service: found.part
            for word in secret
            for found in mentioned(word, self.parts.values())
        }
        for part in named.values():
            self._lead(part)
            if part.role is Role.SERVER:
                text = f"its secret has `{part.service}`: set it with the address of your own server"
                self.report.changed(path, text)
        for text in self.postgres.passwords_in(secret):
            self.report.changed(path, text)

    def _variable(self, name: str, value: str | None) -> None:
        path = f"services.{self.owner.service}.environment.{name}"
        if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            self.report.left_out(
                path, "its name has other characters than letters, digits and `_`: rename it"
            )
        elif self.redis.take(name, value or ""):
            pass
        elif not (value or "").strip() and not self.postgres.wants_password(name):
            what = "has no value here" if value is None else "is empty"
            self.report.left_out(path, f"it {what}: if the process needs it, add `EnvVar.value({name!r}, …)`")
        elif self.postgres.take(name, value := value or ""):
            pass
        elif _is_secret(name, value):
            self._secret(path, name, value)
        else:
            self._plain(path, name, value)

    def _secret(self, path: str, name: str, value: str) -> None:
        self.code.append(self.settings.variable(name, value, self.owner.name))
        key = self.settings.secret_key(name, value, self.owner.name)
        text = f"a secret: `pulumi config set --secret {key}`"
        named = mentioned(value, self.parts.values(), name)
        for part in {found.part.service: found.part for found in named}.values():
            self._lead(part)
            if part.role is Role.SERVER:
                text += f", with the address of your own server in the place of `{part.service}`"
        self.report.changed(path, text + self.postgres.doubt(name, value))

    def _plain(self, path: str, name: str, value: str) -> None:
        written = self.source.expression("services", self.owner.service, "environment", name)
        named = list(mentioned(value, self.parts.values(), name))
        for found in named:
            self._lead(found.part)
        redis = [found.part for found in named if found.part.role is Role.REDIS]
        if named:
            self.code.append(code.invoke("EnvVar.value", code.text(name), _with_hosts(escaped(value), named)))
            if any(found.part.role is Role.SERVER for found in named):
                self.report.changed(path, self._address(named))
            elif redis:
                self.report.changed(path, self.redis.must_log_in(redis[0]))
            else:
                host = named[0].part.name
                self.report.translated(path, f"a variable; the network policy admits it to {host}")
        elif written and (match := _SETTING.fullmatch(written)):
            setting = match[1] or match[2]
            own = camel(setting) in (*_SETTINGS, *self.settings.plain, *self.settings.secret)
            key = camel(f"{self.owner.name}_{setting}" if own else setting)
            default = f"config.get({code.text(key)}) or {code.text(escaped(value))}"
            self.code.append(code.invoke("EnvVar.value", code.text(name), default))
            self.report.translated(path, f"the setting `{key}` of a stack, with a default")
        else:
            self.code.append(code.invoke("EnvVar.value", code.text(name), code.text(escaped(value))))
            self.report.translated(path, "a variable" + self.postgres.doubt(name, value))

    def _address(self, named: Iterable[Mention]) -> str:
        """Return the sentence about the addresses of servers that the program does not run."""
        servers = [found for found in named if found.part.role is Role.SERVER]
        keys = ", ".join(dict.fromkeys(f"`{found.part.variable}Host`" for found in servers))
        others = sorted(
            {found.port for found in servers if found.port not in (None, found.part.port)}, key=str
        )
        add = f"; add `Endpoint(port={others[0]}, cidr=…)` to `reaches`" if others else ""
        return f"has the address of your own server, the setting {keys}{add}"

    def _lead(self, part: Part) -> None:
        if part.role in (Role.WEB, Role.SERVER) and part is not self.owner:
            self.leads_to[part.service] = part


def _is_secret(name: str, value: str) -> bool:
    named = masking.is_secret_name(name) and value not in ("true", "false")
    return named or has_secret(value)


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _addresses(word: str, parts: Iterable[Part]) -> Iterator[Mention]:
    """Yield the hosts of a word of a command: a name alone may be that of a program."""
    return (found for found in mentioned(word, parts) if not found.plain)


def _with_hosts(value: str, named: Iterable[Mention]) -> Code:
    """Return the code of a value, in which hosts are those of the components and of your own servers."""
    found = sorted(named, key=lambda mention: mention.begin)
    servers = any(mention.part.role is Role.SERVER for mention in found)
    result, position = "", 0
    for mention in found:
        server = mention.part.role is Role.SERVER
        own = f"{{{mention.part.variable}_host}}" if server else mention.part.name
        result += _literal(value[position : mention.begin], servers) + own
        position = mention.end
    result += _literal(value[position:], servers)
    if servers and len(found) == 1 and result == f"{{{found[0].part.variable}_host}}":
        return f"{found[0].part.variable}_host"
    return code.text(result, "f" if servers else "")


def _literal(text: str, formatted: bool) -> str:
    return text.replace("{", "{{").replace("}", "}}") if formatted else text
