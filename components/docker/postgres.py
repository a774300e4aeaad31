"""Postgres on a Docker engine: a single PostgreSQL that only its clients reach, with backups and drills."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_docker as docker

from components.docker.answers import check, say
from components.docker.container import contained, environment, joined, limits, owned, stopping
from components.docker.health import check as health_check
from components.docker.process import ProcessComponent
from components.docker.table import ANSWERS
from components.kubernetes import postgres as cluster
from components.kubernetes.component import Transform
from components.kubernetes.endpoint import Cidr, Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.postgres.checks import problems, restore_problems
from components.kubernetes.postgres.options import (
    DEFAULT_RESOURCES,
    PORT,
    Backups,
    Database,
    Durability,
    Parameters,
    PostgresName,
    PostgresResources,
    Replicas,
    Restore,
    Storage,
)
from components.kubernetes.postgres.pods import DATA, GRACE_S, SECURITY, database_variables
from components.kubernetes.postgres.users import DatabaseUsers, new_password, suffix
from components.validation import Count, InputText, Platform, Text, checked, invalid

_SECRETS = "/etc/postgres"
_SCRATCH = "/var/tmp"  # noqa: S108 # on the disk of the container, whose root can be written
_DRILL_S = 3600


class Postgres(ProcessComponent):
    """PostgreSQL 15 on a network that only containers with its `env` join, with its data in a named volume.

    The image is that of a cluster; its server runs without Patroni. Each database has an owner of the same
    name; `env` is that of the first one. Passwords are made once, and again for another `password_version`.

    A change of the server stops it before the next one starts: one volume, one server. Other databases and
    users restart nothing. Pulumi never deletes the volume, and with `protect` refuses to let it leave the
    stack. With `backups`, each update also proves by a restore that they are good.

        server = AppImage("postgres", context=Postgres.image_context, repository="localhost:5001/postgres")
        db = Postgres("db", namespace=namespace.name, image=server.ref, storage="10Gi")
        WebService("web", namespace=namespace.name, image=image, env=[*db.env])
    """

    image_context = cluster.Postgres.image_context

    host: str
    """The name under which clients reach it."""
    read_host: str
    """A second name of it; on a cluster, that of all members."""
    drill: pulumi.Output[dict[str, Any]]
    """The result of the drill of the last update that had one; empty without `backups`."""
    env: list[EnvVar]
    """DATABASE_URL, and PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, of the first database's owner.

    With `tls`, also PGSSLMODE and PGCHANNELBINDING, so that clients of libpq demand TLS.
    """

    @checked
    def __init__(
        self,
        name: PostgresName,
        *,
        namespace: InputText,
        image: InputText,
        storage: Storage,
        replicas: Replicas = 1,
        durability: Durability = "async",
        databases: Sequence[Database] = (Database(name="app"),),
        password_version: Count = 1,
        tls: bool = True,
        parameters: Parameters = {},  # noqa: B006 # never changed
        backups: Backups | None = None,
        restore: Restore | None = None,
        storage_class: Text | None = None,
        resources: PostgresResources = DEFAULT_RESOURCES,
        timeout: Count = 900,
        protect: bool = True,
        api_server: Cidr = "0.0.0.0/0",
        network_policy: bool = True,
        pull_secret: InputText | None = None,
        platform: Platform | None = None,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the database; raise BadArgument, before anything is touched, if the arguments do not fit."""
        said = check(ANSWERS["Postgres"], Postgres, locals())
        found = [
            *problems(replicas, durability, databases, parameters, resources),
            *restore_problems(name, restore, backups),
        ]
        if found:
            raise invalid(Postgres, name, found)
        super().__init__(name, namespace, transform, opts)
        say(said, self)
        self.host, self.read_host = name, f"{name}-read"
        self._users = _Users(
            name,
            databases,
            tls,
            {
                user: self._made_once(suffix(user, password_version), new_password())
                for database in databases
                for user in database.users
            },
        )
        self._superuser = self._made_once("-superuser", secrets.token_urlsafe(32))
        self._backups, self._timeout = backups, timeout
        self._origin = restore.variables if restore else {}
        network = self._add_own_network()
        self._own = [(network.name,), *(self._networks([backups.destination]) if backups else ())]
        self._variables = database_variables(name, resources, parameters, backups)
        self._container = {"image": self._pull(image, platform), **limits(resources)}
        server = self._add_server(protect)
        applied = self._add_databases(databases, server)
        self.drill = pulumi.Output.from_input({})
        if backups:
            self.drill = self._add_backups(backups, applied)
        self._endpoint = Endpoint(port=PORT, pods=self.selector, depends_on=applied)
        self.env = self.env_of(databases[0].name)
        self.register_outputs({"host": self.host, "read_host": self.read_host, "drill": self.drill})

    def env_of(self, user: str) -> list[EnvVar]:
        """Return the variables of one user: DATABASE_URL and its parts, as those of `env`."""
        return self._users.env(user, self._endpoint)

    def url(self, variable: str = "DATABASE_URL", *, user: str | None = None, read: bool = False) -> EnvVar:
        """Return a variable with a whole URL; with `read`, that of `read_host`."""
        return self._users.url(variable, user, read, self._endpoint)

    def password(self, variable: str = "PGPASSWORD", *, user: str | None = None) -> EnvVar:
        """Return a variable with a password, for a process that wants it by another name."""
        return self._users.password(variable, user, self._endpoint)

    def _add_server(self, protect: bool) -> docker.Container:
        """Make the container that has the data."""
        name = self.pulumi_resource_name
        data, owner = self._add_kept(DATA, self._container["image"], SECURITY, protect)
        network, *outside = self._own
        return self._add_container(
            name=self._network_of(name),
            **self._running("serve", {}, self._origin),
            **contained(SECURITY, self._secrets_in_memory),
            **joined([(*network, self.host, self.read_host), *outside]),
            **data,
            # Parallel queries share memory there; the default, 64 MiB, is not enough for large joins.
            shm_size=self._container["memory"] // 4,
            **stopping(GRACE_S),
            stop_signal="SIGINT",  # PostgreSQL then ends connections, and stops cleanly
            healthcheck=health_check(["CMD", "pg_isready", "--quiet", "--host=/tmp"], self._timeout),
            restart="always",
            wait=True,
            wait_timeout=self._timeout,
            depends_on=[owner],
        )

    def _add_databases(
        self, databases: Sequence[Database], server: docker.Container
    ) -> list[pulumi.Resource]:
        """Make the container that makes databases and users, and ends; return what exists when it has."""
        settings: dict[str, pulumi.Input[str]] = {
            "DB_SETTINGS": json.dumps([database.as_dict for database in databases], sort_keys=True),
            "DB_VERSION": server.id,  # another server may have another volume
            **self._origin,
        }
        return [
            *self._add_ending(
                "-update",
                self._timeout,
                **self._running("apply", self._users.passwords, settings),
                **contained(SECURITY, self._secrets_in_memory),
                **joined(self._own[:1]),
                depends_on=[server],
            )
        ]

    def _add_backups(self, backups: Backups, applied: list[pulumi.Resource]) -> pulumi.Output[dict[str, Any]]:
        """Make the drill of this update, and the container that repeats backups and drills on schedule."""
        on_disk = {
            **contained(SECURITY, self._secrets_in_memory),
            "read_only": False,  # the restored database is in its layer
            **joined(self._own),
        }
        scratch = {"DRILL_SCRATCH": _SCRATCH}
        drill, passed = self._add_ending(
            "-drill",
            _DRILL_S,
            **self._running("drill", {}, scratch),
            **on_disk,
            logs=True,
            depends_on=applied,
        )
        times = {"BACKUP_SCHEDULE": backups.schedule, "DRILL_SCHEDULE": backups.drill or ""}
        self._add_container(
            "-backups",
            **self._running("backups", {}, {**scratch, **times}),
            **on_disk,
            **stopping(GRACE_S),
            healthcheck=health_check(["CMD", "test", "-e", "/tmp/healthy"], self._timeout),  # noqa: S108
            restart="always",
            wait=True,
            wait_timeout=self._timeout,
            depends_on=[drill, passed],
        )
        return pulumi.Output.unsecret(drill.container_logs).apply(_result)

    @property
    def _secrets_in_memory(self) -> dict[str, str]:
        return {_SECRETS: owned(SECURITY, "1Mi")}

    def _running(
        self, module: str, users: Mapping[str, pulumi.Output[str]], variables: Mapping[str, pulumi.Input[str]]
    ) -> dict[str, Any]:
        """Return the arguments of a container that runs a module of the image, with its secrets."""
        files: dict[str, pulumi.Input[str]] = {"users/superuser": self._superuser}
        files |= {f"users/{user}": password for user, password in users.items()}
        if self._backups:
            files |= {
                "store/access-key": pulumi.Output.secret(self._backups.access_key),
                "store/secret-key": pulumi.Output.secret(self._backups.secret_key),
            }
        values: dict[str, pulumi.Input[str]] = {**self._variables, **variables}
        values["DB_SECRETS"] = pulumi.Output.json_dumps(files, sort_keys=True)
        return {
            **self._container,
            "entrypoints": ["python3", "-m", "dbserver.single", module],
            "envs": environment(values),
        }


class _Users(DatabaseUsers):
    """Users whose passwords are in the stack's state."""

    def __init__(
        self,
        name: str,
        databases: Sequence[Database],
        tls: bool,
        passwords: Mapping[str, pulumi.Output[str]],
    ) -> None:
        super().__init__(name, databases, tls)
        self.passwords = passwords

    def _variable(self, variable: str, user: str, key: str, endpoint: Endpoint) -> EnvVar:
        value = self.passwords[user].apply(lambda password: self._values(user, password)[key])
        return EnvVar.value(variable, pulumi.Output.secret(value), endpoint=endpoint)


def _result(log: str | None) -> dict[str, Any]:
    """Return the last line of a drill's log that is JSON; the engine puts its own header before lines."""
    found: list[str] = re.findall(r"\{.*\}", log or "")
    result: dict[str, Any] = json.loads(found[-1]) if found else {}
    return result
