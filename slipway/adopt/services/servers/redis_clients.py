"""The variables and commands of a process that connects to Redis, with what the component gives."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.report import Report, join
from slipway.adopt.services.roles import Part, mentioned
from slipway.adopt.services.settings import escaped

ENV = ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD")
"""The variables of the component's `env`."""
_URL = re.compile(
    r"(?:rediss?|valkey)://(?:[^@/\s]*@)?(?P<host>[^:/?\s'\"]+)(?::6379)?(?:/(?P<database>[^\s'\"]*))?(?![^\s'\"])"
)
_FIRST = (None, "", "0")
_SENTENCE = "a URL with the password of the Redis component, from a Secret"


@dataclass
class RedisVariables:
    """The variables of one process that are about its Redis."""

    path: str
    """The place of the service in the source."""
    parts: Mapping[str, Part]
    """The services that are Redis, by name."""
    report: Report
    code: list[Code]
    """The variables of the component."""
    _urls: dict[str, str] = field(default_factory=dict)
    """By Redis, the variable that has its URL."""
    _env: str = ""
    """The Redis whose `env` the process has."""
    _texts: Mapping[str, str | None] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    """The variables that were added before their turn."""

    @property
    def urls(self) -> Collection[str]:
        """The variables with URLs, to which values and commands refer."""
        return self._urls.values()

    def begin(self, texts: Mapping[str, str | None], words: Iterable[str], needs: Collection[str]) -> None:
        """Add what the process gets before the variables that refer to it.

        A container has each variable once, so it has the `env` of one Redis; of others it has the URL.
        """
        self._texts = texts
        urls = [match for value in texts.values() if value and (match := self._url(value))]
        in_words = {match["host"] for word in words for match in _URL.finditer(word)}
        by_url = {match["host"] for match in urls} | in_words
        full = [
            part
            for name, part in self.parts.items()
            if self._has_address(part) or (name in needs and name not in by_url)
        ]
        full.sort(key=lambda part: not any(mentioned(texts.get("REDIS_HOST") or "", [part])))
        for part in full[:1]:
            self._env = part.service
            self.code.append(f"*{part.variable}.env")
        for part in full[1:]:
            self._add_url(part)
            text = f"the URL of `{part.service}`, with its password, is {self._urls[part.service]}:"
            text += f" {', '.join(ENV)} are those of `{self._env}`"
            self.report.changed(join(self.path, "environment"), text)
        for part in full:
            if not self._has_address(part):
                given = ", ".join(ENV) if part.service == self._env else self._urls[part.service]
                text = f"no variable names `{part.service}`, so the process gets {given}:"
                self.report.changed(
                    join(self.path, "environment"), f"{text} it must log in with the password"
                )
        referred = in_words | {match["host"] for match in urls if match["database"] not in _FIRST}
        for name in self.parts:
            if name in referred:
                self._add_url(self.parts[name])

    def take(self, name: str, value: str) -> bool:
        """Translate a variable if it is about a Redis; return whether it was."""
        place = join(self.path, f"environment.{name}")
        if name in self._done:
            return True
        if self._env and name in ENV:
            self.report.translated(place, "comes from the Redis component")
        elif match := self._url(value):
            self._take_url(place, name, match)
        elif value in self.parts and any(mentioned(value, [self.parts[value]], name)):
            part = self.parts[value]
            self.code.append(code.invoke("EnvVar.value", code.text(name), f"{part.variable}.host"))
            self.report.changed(place, self.must_log_in(part))
        else:
            return False
        return True

    def command(self, words: Iterable[str]) -> list[str]:
        """Return a command in which URLs of Redis have the password of the component."""

        def replaced(match: re.Match[str]) -> str:
            return self._with_database(match) if match["host"] in self._urls else match[0]

        return [_URL.sub(replaced, word) for word in words]

    def must_log_in(self, part: Part) -> str:
        """Return the sentence about a process that has the address of a Redis alone."""
        return f"the Redis component has a password: the process must log in with {self._login(part)}"

    def _login(self, part: Part) -> str:
        return "REDIS_PASSWORD" if part.service == self._env else f"that of {self._urls[part.service]}"

    def _url(self, value: str) -> re.Match[str] | None:
        match = _URL.fullmatch(value)
        return match if match and match["host"] in self.parts else None

    def _has_address(self, redis: Part) -> bool:
        """Return whether variables name a Redis otherwise than by a URL, so that the password is missing."""
        return any(
            value and not self._url(value) and any(mentioned(value, [redis], name))
            for name, value in self._texts.items()
        )

    def _add_url(self, redis: Part) -> None:
        """Add a variable with the URL of a Redis: one of the process, if it has one, or a new one."""
        if redis.service in self._urls:
            return
        for name, value in self._texts.items():
            match = self._url(value or "")
            if match and match["host"] == redis.service and match["database"] in _FIRST:
                self._take_url(join(self.path, f"environment.{name}"), name, match)
                self._done.add(name)
                return
        name = f"{redis.variable.upper()}_URL"
        while name in self._texts:
            name = f"COMPONENT_{name}"
        self._urls[redis.service] = name
        self.code.append(code.invoke(f"{redis.variable}.url", *[code.text(name)] * (name != "REDIS_URL")))

    def _take_url(self, place: str, name: str, match: re.Match[str]) -> None:
        """Take a URL from Redis; one with another database refers to a variable before it."""
        redis = self.parts[match["host"]]
        if match["database"] in _FIRST:
            self.code.append(code.invoke(f"{redis.variable}.url", code.text(name)))
            self._urls.setdefault(redis.service, name)
        else:
            value = code.text(self._with_database(match))
            self.code.append(code.invoke("EnvVar.value", code.text(name), value))
        self.report.changed(place, _SENTENCE)

    def _with_database(self, match: re.Match[str]) -> str:
        """Return a URL in which Kubernetes replaces a variable by the URL of Redis."""
        database = f"/{escaped(match['database'])}" if match["database"] else ""
        return f"$({self._urls[match['host']]}){database}"
