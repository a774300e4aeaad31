"""The users of a database: a password and URLs for each, made once."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.postgres.options import PORT, Database

_PARTS = ("PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD")
"""The variables that libpq reads: https://www.postgresql.org/docs/15/libpq-envars.html."""
_TLS = {"PGSSLMODE": "require", "PGCHANNELBINDING": "require"}
"""With these, libpq encrypts, and accepts only a server that knows a verifier of the password."""


class DatabaseUsers(ABC):
    """The users of all databases, and how clients get their passwords."""

    def __init__(self, name: str, databases: Sequence[Database], tls: bool) -> None:
        self._name, self._first = name, databases[0].name
        self._tls = _TLS if tls else {}
        self._database = {user: database.name for database in databases for user in database.users}

    def env(self, user: str, endpoint: Endpoint) -> list[EnvVar]:
        """Return DATABASE_URL, and its parts by the names that libpq reads."""
        database = self._known(user)
        values = (self._name, str(PORT), database, user)
        return [
            self.url("DATABASE_URL", user, False, endpoint),
            *(EnvVar.value(name, value) for name, value in zip(_PARTS, values, strict=False)),
            self.password(_PARTS[-1], user, endpoint),
            *(EnvVar.value(name, value) for name, value in self._tls.items()),
        ]

    def password(self, variable: str, user: str | None, endpoint: Endpoint) -> EnvVar:
        """Return a variable with the password of a user, by default the owner of the first database."""
        return self._checked(variable, user, "password", endpoint)

    def url(self, variable: str, user: str | None, read: bool, endpoint: Endpoint) -> EnvVar:
        """Return a variable with the URL of a user, by default the owner of the first database."""
        return self._checked(variable, user, "read-url" if read else "url", endpoint)

    def _checked(self, variable: str, user: str | None, key: str, endpoint: Endpoint) -> EnvVar:
        user = user or self._first
        self._known(user)
        return self._variable(variable, user, key, endpoint)

    @abstractmethod
    def _variable(self, variable: str, user: str, key: str, endpoint: Endpoint) -> EnvVar:
        """Return a variable with what `_values` has under a key."""

    def _values(self, user: str, password: str) -> dict[str, str]:
        """Return the password, and the URLs that it is a part of."""
        base, end = f"postgresql://{user}:{password}@{self._name}", f":{PORT}/{self._database[user]}"
        return {"password": password, "url": f"{base}{end}", "read-url": f"{base}-read{end}"}

    def _known(self, user: str) -> str:
        """Return the database of a user."""
        if user not in self._database:
            raise ValueError(
                f"{user!r} is not a user of {self._name}, which has: {', '.join(self._database)}"
            )
        return self._database[user]


class Users(DatabaseUsers):
    """Users whose passwords are in Secrets."""

    def __init__(
        self,
        add: Callable[..., k8s.core.v1.Secret],
        name: str,
        databases: Sequence[Database],
        version: int,
        tls: bool,
    ) -> None:
        super().__init__(name, databases, tls)
        self._made = {user: self._add_secret(add, user, version) for user in self._database}

    @property
    def secrets(self) -> Mapping[str, pulumi.Output[str]]:
        """The name of each user's Secret."""
        return {user: secret.metadata.name for user, secret in self._made.items()}

    def _add_secret(
        self, add: Callable[..., k8s.core.v1.Secret], user: str, version: int
    ) -> k8s.core.v1.Secret:
        """Make a user's Secret. Each run generates a password; the first of a version is kept."""
        values = self._values(user, new_password())
        return add(
            k8s.core.v1.Secret,
            suffix=suffix(user, version),
            string_data={key: pulumi.Output.secret(value) for key, value in values.items()},
            opts=pulumi.ResourceOptions(ignore_changes=["data", "stringData"]),
        )

    def _variable(self, variable: str, user: str, key: str, endpoint: Endpoint) -> EnvVar:
        return EnvVar.secret(variable, self.secrets[user], key, endpoint=endpoint)


def new_password() -> str:
    """Return a password without characters that have a meaning in URLs."""
    return secrets.token_urlsafe(24)


def suffix(user: str, version: int) -> str:
    """Return the end of the name of what keeps a user's password; another version is another one.

    The version is before the user, whose name begins with no digit: `app` in version 2 is never `app_2`.
    """
    return ("-user-" + (f"{version}-" if version > 1 else "") + user).replace("_", "-")
