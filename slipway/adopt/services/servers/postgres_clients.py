"""The variables and commands of a process that connects to PostgreSQL, with what the component gives."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.report import Report, join
from slipway.adopt.services.roles import Part, mentioned
from slipway.adopt.services.servers.postgres import Names
from slipway.adopt.services.settings import escaped

PORT = "5432"
ENV = (
    "DATABASE_URL",
    "PGHOST",
    "PGPORT",
    "PGDATABASE",
    "PGUSER",
    "PGPASSWORD",
    "PGSSLMODE",
    "PGCHANNELBINDING",
)
"""The variables of the component's `env`."""
_URL = re.compile(
    r"(?P<scheme>(?:jdbc:|r2dbc:|db\+)?(?:postgres(?:ql)?(?:\+\w+)?|postgis))://"
    r"(?P<login>[^\s:@/]*(?::[^\s@/]*)?@)?(?P<host>[\w.-]+)(?::\d+)?"
    r"(?:/(?P<database>[\w.-]*))?(?:\?(?P<query>[^\s'\"]*))?"
)
_PART = re.compile(
    r"(?P<prefix>(?:.*_)?|PG)(?P<part>HOST|HOSTNAME|SERVER|PORT|USER|USERNAME|PASSWORD|PASSWD|PASS|NAME|DBNAME"
    r"|DATABASE|DB)",
    re.IGNORECASE,
)
_PREFIXES = ("PG", "POSTGRES_", "POSTGRESQL_", "DB_", "DATABASE_", "SQL_")
_ABOUT = re.compile(rf"(?:^|_)(?:{'|'.join(_PREFIXES)})", re.IGNORECASE)
_HOST = ("HOST", "HOSTNAME", "SERVER")
_HOST_IN_URL = re.compile(r"://(?:[^\s@/]*@)?([\w.-]+)")
_LOGIN = ("user", "password")
"""The parts of a URL's query that JDBC logs in with."""
_SENTENCE = "a URL with the password of the component, from a Secret"


def databases_in(texts: Iterable[str], service: str) -> Iterator[str]:
    """Yield the databases that URLs name which lead to a service."""
    for text in texts:
        for match in _URL.finditer(text):
            if match["host"] == service and match["database"]:
                yield match["database"]


@dataclass
class PostgresVariables:
    """The variables of one process that are about its databases."""

    path: str
    """The place of the service in the source."""
    databases: Mapping[str, tuple[Part, Names]]
    report: Report
    code: list[Code]
    """The variables of the component."""
    _passwords: dict[str, str] = field(default_factory=dict)
    """By database, the variable that has its password."""
    _covered: Collection[str] = ()
    """The variables that the component's `env` has."""
    _prefixes: dict[str, str] = field(default_factory=dict)
    """By the prefix of a variable's name, the service that it is about; empty for another server."""

    @property
    def passwords(self) -> Collection[str]:
        """The variables with passwords, to which values and commands refer."""
        return self._passwords.values()

    def begin(self, texts: Mapping[str, str | None], words: Iterable[str], needs: Collection[str]) -> None:
        """Add what every client of a database gets, before the variables that refer to it."""
        said = [(name, value) for name, value in texts.items() if value]
        said += [("", word) for word in words]
        led = [service for service in self.databases if any(self._named(service, *text) for text in said)]
        used = [*led, *(name for name in self.databases if name in needs and name not in led)]
        self._prefixes = dict(_prefixes(texts))
        for index, service in enumerate(used):
            part, _ = self.databases[service]
            own = _URL.fullmatch(texts.get("DATABASE_URL") or "")
            if index == 0 and (
                "DATABASE_URL" not in texts or (own and _plain(own) and own["host"] == service)
            ):
                self.code.append(f"*{part.variable}.env")
                self._covered, self._passwords[service] = ENV, "PGPASSWORD"
            else:
                variable = "PGPASSWORD" if index == 0 else f"{part.variable.upper()}_PGPASSWORD"
                self._passwords[service] = variable
                self._covered = {*self._covered, variable}
                self.code.append(
                    code.invoke(f"{part.variable}.password", *[code.text(variable)] * (index > 0))
                )
            if service not in led:
                text = (
                    f"no variable names `{service}`: the process gets {', '.join(ENV)}, and has to use them"
                )
                self.report.changed(join(self.path, "environment"), text)

    def take(self, name: str, value: str) -> bool:
        """Translate a variable if it is about a database; return whether it was."""
        place = join(self.path, f"environment.{name}")
        match = _URL.fullmatch(value)
        if match and match["host"] in self._passwords:
            self._url(place, name, match)
        elif name in self._covered:
            self.report.changed(place, "comes from the component, like the others of its `env`")
        elif (found := self._part_of(name, value)) is not None:
            self._part(place, name, value, *found)
        elif "password" in value.lower() and any(self._named(item, name, value) for item in self._passwords):
            self.report.left_out(place, "it has a password: use DATABASE_URL, or what it is made of, PGHOST…")
        elif "@" in value and any(self._named(item, name, value) for item in self._passwords):
            self.report.left_out(place, "slipway does not know this form: use DATABASE_URL of the component")
        else:
            return False
        return True

    def wants_password(self, name: str) -> bool:
        """Return whether a variable is for the password of a database, which Compose may have without."""
        found = self._part_of(name, "")
        return found is not None and found[1] == "PASSWORD"

    def passwords_in(self, words: Iterable[str]) -> Iterator[str]:
        """Yield what to check in secret words of a command which have the password of a database."""
        text = " ".join(words)
        for service, variable in self._passwords.items():
            if (password := self.databases[service][1].password) and password in text:
                yield f"its secret has the text of the password of `{service}`, which is now $({variable})"

    def doubt(self, name: str, value: str) -> str:
        """Return what to check in a variable with the login of a database, perhaps for something else."""
        match = _PART.fullmatch(name)
        for service in self._passwords if match else ():
            part, names = self.databases[service]
            kind = _kind(match["part"].upper()) if match else ""
            if kind == "PASSWORD" and value == names.password:
                return f"; if it is the password of `{service}`, write `{part.variable}.password({name!r})`"
            if kind == "USER" and value == names.user != names.name:
                return f"; if it is the user of `{service}`, write `{names.name}`"
        return ""

    def command(self, words: Iterable[str]) -> list[str]:
        """Return a command in which URLs of databases have the password of the component."""

        def replaced(match: re.Match[str]) -> str:
            if match["host"] not in self._passwords or not self._has(match):
                return match[0]
            return self._composed(match)

        return [_URL.sub(replaced, word) for word in words]

    def _named(self, service: str, name: str, value: str) -> bool:
        """Return whether the value of a variable names a database as a host."""
        return any(mentioned(value, [self.databases[service][0]], name))

    def _has(self, match: re.Match[str]) -> bool:
        """Return whether the component makes the database of a URL."""
        return not match["database"] or match["database"] in self.databases[match["host"]][1].databases

    def _composed(self, match: re.Match[str]) -> str:
        """Return a URL in which Kubernetes replaces a variable by the password."""
        part, names = self.databases[match["host"]]
        password = f"$({self._passwords[match['host']]})"
        given = [item for item in (match["query"] or "").split("&") if item]
        query = [escaped(item) for item in given if not _tls(item) and item.partition("=")[0] not in _LOGIN]
        login = f"{names.name}:{password}@"
        if match["scheme"].startswith(("jdbc:", "r2dbc:")) and not match["login"]:
            login = ""  # the process has user and password elsewhere
            if any(item.partition("=")[0] in _LOGIN for item in given):
                query += [f"user={names.name}", f"password={password}"]
        more = f"?{'&'.join(query)}" if query else ""
        return f"{match['scheme']}://{login}{part.name}:{PORT}/{names.name}{more}"

    def _url(self, place: str, name: str, match: re.Match[str]) -> None:
        part, names = self.databases[match["host"]]
        if not self._has(match):
            text = f"the component has the database `{names.name}` alone: add Database(name=…) to `databases`"
            self.report.left_out(place, f"{text}, and `{part.variable}.url({name!r}, user=…)` to `env`")
            return
        if not _plain(match):
            self.code.append(code.invoke("EnvVar.value", code.text(name), code.text(self._composed(match))))
        elif name not in self._covered:
            self.code.append(code.invoke(f"{part.variable}.url", code.text(name)))
        sentence = _SENTENCE if _plain(match) or "$(" in self._composed(match) else "the URL of the component"
        without = "; without TLS, which the component has not" if _tls(match["query"] or "") else ""
        self.report.changed(place, f"{sentence}; database and user are `{names.name}`{without}")

    def _part_of(self, name: str, value: str) -> tuple[str, str] | None:
        """Return the database and the part of it that a variable has: HOST, PORT, USER, PASSWORD or NAME."""
        match = _PART.fullmatch(name)
        if not match:
            return None
        kind = _kind(match["part"].upper())
        if kind == "HOST":
            return (_host(value), kind) if _host(value) in self._passwords else None
        for service in self._passwords:
            names = self.databases[service][1]
            # The same text may be the password of something else, as `changethis` is in many examples.
            same = {"PASSWORD": value == names.password, "USER": value == names.user, "PORT": value == PORT}
            same["NAME"] = value in names.databases
            if (same[kind] and self._may_be_about(match["prefix"], service)) or self._about(
                match["prefix"], service
            ):
                return service, kind
        return None

    def _may_be_about(self, prefix: str, service: str) -> bool:
        """Return whether the prefix is about some database, and not known to be about another server."""
        longest = max(
            (item for item in self._prefixes if item and prefix.startswith(item)), key=len, default=""
        )
        known = self._prefixes.get(longest)
        return known in (None, service) and (longest == prefix or bool(_ABOUT.search(prefix)))

    def _about(self, prefix: str, service: str) -> bool:
        """Return whether the prefix of a variable's name is about a database."""
        if prefix and self._prefixes.get(prefix) == service:
            return True
        return len(self._passwords) == 1 and any(
            prefix.upper().startswith(item) and item not in map(str.upper, self._prefixes)
            for item in _PREFIXES
        )

    def _part(self, place: str, name: str, value: str, service: str, kind: str) -> None:
        """Add a part by the name that the process wants."""
        part, names = self.databases[service]
        text = code.text
        if kind == "NAME" and value not in names.databases:
            what = f"the component has the database `{names.name}` alone"
            self.report.left_out(place, f"{what}: add Database(name=…) to `databases` for {value!r}")
            return
        if kind == "PASSWORD":
            self.code.append(code.invoke(f"{part.variable}.password", text(name)))
            self.report.changed(place, "the password of the component, from a Secret")
            return
        own: dict[str, Code] = {
            "HOST": f"{part.variable}.host" if value == service else text(f"{part.name}:{PORT}"),
            "PORT": text(PORT),
            "USER": text(names.name),
            "NAME": text(names.name),
        }
        self.code.append(code.invoke("EnvVar.value", text(name), own[kind]))
        words = {
            "HOST": f"the primary of the component, `{part.name}`",
            "PORT": f"the component's port, {PORT}",
        }
        words |= {
            "USER": f"the owner of the database, `{names.name}`",
            "NAME": f"the database `{names.name}`",
        }
        self.report.changed(place, words[kind])


def _prefixes(texts: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    """Yield the prefixes of variables about a server, each with the host: of X_HOST, X_URL and X_URL_HOST."""
    for name, value in texts.items():
        prefix = re.sub("[^_]*$", "", name)
        if value and prefix and (url := _HOST_IN_URL.search(value)):
            own = _URL.fullmatch(value)
            # With a login in the URL, APP_USER next to APP_URL is about the process itself.
            alone = re.search("(?i)_UR[IL]$", name) and not (own and own["login"])
            if _ABOUT.search(prefix) or (alone and not value.startswith("http")):
                yield prefix, url[1]
    for name, value in texts.items():
        match = _PART.fullmatch(name)
        if match and value and match["part"].upper() in _HOST:
            for prefix in (match["prefix"], re.sub("(?i)UR[IL]_$", "", match["prefix"])):
                yield prefix, _host(value)


def _plain(match: re.Match[str]) -> bool:
    """Return whether the component's own URL can replace a URL."""
    query = [item for item in (match["query"] or "").split("&") if item and not _tls(item)]
    query = [item for item in query if item.partition("=")[0] not in _LOGIN]
    return match["scheme"] in ("postgres", "postgresql") and not query


def _tls(query: str) -> bool:
    return bool(re.search(r"(^|&)ssl", query))


def _host(value: str) -> str:
    """Return the host of `host` or `host:port`."""
    host, mark, port = value.partition(":")
    return host if not mark or port.isdecimal() else ""


def _kind(part: str) -> str:
    if part in _HOST:
        return "HOST"
    if part.startswith("PASS"):
        return "PASSWORD"
    return part if part == "PORT" else "USER" if part.startswith("USER") else "NAME"
