"""Postgres: PostgreSQL with standbys, failover and backups, by Patroni and barman."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.component import NOT_AWAITED, NamespacedComponent, Transform
from components.kubernetes.endpoint import Cidr, Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.postgres.access import SERVER, job_rules, member_rules, network_policy
from components.kubernetes.postgres.checks import problems, restore_problems
from components.kubernetes.postgres.jobs import Jobs
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
from components.kubernetes.postgres.pods import Pods
from components.kubernetes.postgres.users import Users
from components.validation import Count, InputText, Platform, Text, checked, invalid

AWAITED_AT_ITS_END = {"pulumi.com/waitFor": "jsonpath={.metadata.uid}"}
"""Annotation of a member: the Job of an update waits for its pod, Pulumi only until a deleted pod is gone.

A server that stops archives its last writes. Only then may its network policy and its rights be deleted.
"""


class Postgres(NamespacedComponent):
    """PostgreSQL 15 with `replicas` members: a primary, and standbys that take over when it fails.

    Each member is a pod of Patroni with a volume claim of its own; `replicas=1` has no standby. `host` leads
    to the primary, `read_host` to every member. With `durability="sync"` a commit waits for a standby, so
    that a failover loses nothing; with "async" it loses at most the last megabyte of the log.

    Each database has an owner of the same name; `env` is that of the first one. Passwords are made once, and
    again for another `password_version`.

    An update restarts the standbys first, then hands the role of the primary over, then restarts the old
    primary: writes are refused for seconds. Storage grows if the class allows it; it never shrinks. Pulumi
    never deletes a claim, and with `protect` refuses to let the database leave the stack.

        server = AppImage("postgres", context=Postgres.image_context, repository="ghcr.io/you/postgres")
        db = Postgres("db", namespace=namespace.name, image=server.ref, storage="10Gi", replicas=2)
        WebService("web", namespace=namespace.name, image=image, env=[*db.env])
    """

    image_context = Path(__file__).parents[2] / "postgres"

    host: str
    """The name under which clients reach the primary."""
    read_host: str
    """The name under which clients reach any member, for reads."""
    drill: pulumi.Output[dict[str, Any]]
    """The result of the last drill; empty without `backups`.

    It has status, reason, finished, archive, backup, target_time, rpo_seconds, rto_seconds, rows and bytes.
    """
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
        found = [
            *problems(replicas, durability, databases, parameters, resources),
            *restore_problems(name, restore, backups),
        ]
        if found:
            raise invalid(type(self), name, found)
        super().__init__(name, namespace, transform, opts)
        self.host, self.read_host = name, f"{name}-read"
        self._sets = [f"{name}-{number}" for number in range(replicas)]
        self._members_pods = [f"{item}-0" for item in self._sets]
        system = self._add_system_secret()
        store = self._add_store_secret(backups) if backups else None
        pods = Pods(
            name=name,
            image=image,
            resources=resources,
            parameters=parameters,
            backups=backups,
            system=system.metadata.name,
            store=store.metadata.name if store else None,
            platform=platform,
            restore=restore,
        )
        needed = self._add_rights(pull_secret)
        needed += self._add_services(replicas)
        clients = {f"{name}-client": "true"}
        if network_policy:
            needed.append(self._add_network_policy(clients, api_server, backups))
        specs: list[Any] = []
        members = [
            self._add_member(number, pods, storage, storage_class, protect and number == 0, needed, specs)
            for number in range(replicas)
        ]
        if replicas > 1:
            self._add_budget()
        self._users = Users(self._add, name, databases, password_version, tls)
        jobs = Jobs(self._add, pods, self._users.secrets)
        applied = jobs.add_update(
            self._sets, durability, databases, _digest(specs), timeout, {**self.selector}, members
        )
        self.drill = pulumi.Output.from_input({})
        if backups:
            self.drill = jobs.add_backups(backups, storage, {**self.selector}, applied)
        self._endpoint = Endpoint(
            port=PORT, pods={**self.selector, **SERVER}, client_labels=clients, depends_on=[applied]
        )
        self.env = self.env_of(databases[0].name)
        self.register_outputs({"host": self.host, "read_host": self.read_host, "drill": self.drill})

    def env_of(self, user: str) -> list[EnvVar]:
        """Return the variables of one user: DATABASE_URL and its parts, as those of `env`."""
        return self._users.env(user, self._endpoint)

    def url(self, variable: str = "DATABASE_URL", *, user: str | None = None, read: bool = False) -> EnvVar:
        """Return a variable with a whole URL, from a Secret; with `read`, that of any member."""
        return self._users.url(variable, user, read, self._endpoint)

    def password(self, variable: str = "PGPASSWORD", *, user: str | None = None) -> EnvVar:
        """Return a variable with a password, for a process that wants it by another name."""
        return self._users.password(variable, user, self._endpoint)

    def _add_system_secret(self) -> k8s.core.v1.Secret:
        """Make the passwords of PostgreSQL's own users and of Patroni, once."""
        names = ("superuser", "replication", "restapi")
        values = {name: pulumi.Output.secret(secrets.token_urlsafe(32)) for name in names}
        once = pulumi.ResourceOptions(ignore_changes=["data", "stringData"])
        return self._add(k8s.core.v1.Secret, suffix="-system", string_data=values, opts=once)

    def _add_store_secret(self, backups: Backups) -> k8s.core.v1.Secret:
        keys = {"access-key": backups.access_key, "secret-key": backups.secret_key}
        values = {key: pulumi.Output.secret(value) for key, value in keys.items()}
        return self._add(k8s.core.v1.Secret, suffix="-store", string_data=values)

    def _add_rights(self, pull_secret: pulumi.Input[str] | None) -> list[pulumi.Resource]:
        """Make an account for the members, and one for the Jobs."""
        name = self.pulumi_resource_name
        rules = {
            name: member_rules(name, self._members_pods),
            f"{name}-jobs": job_rules(name, self._members_pods, self._sets),
        }
        made: list[pulumi.Resource] = []
        for account, own in rules.items():
            suffix = account.removeprefix(name)
            made += [
                self._add(
                    k8s.core.v1.ServiceAccount,
                    name=account,
                    suffix=suffix,
                    automount_service_account_token=False,
                    image_pull_secrets=[{"name": pull_secret}] if pull_secret else None,
                ),
                self._add(k8s.rbac.v1.Role, name=account, suffix=suffix, rules=own),
                self._add(
                    k8s.rbac.v1.RoleBinding,
                    name=account,
                    suffix=suffix,
                    role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": account},
                    subjects=[{"kind": "ServiceAccount", "name": account, "namespace": self._namespace}],
                ),
            ]
        return made

    def _add_services(self, replicas: int) -> list[pulumi.Resource]:
        roles = {"": {"role": "primary"}, "-read": {}}
        return [
            self._add(
                k8s.core.v1.Service,
                name=self.pulumi_resource_name + suffix,
                suffix=suffix,
                annotations=NOT_AWAITED,
                spec={
                    "selector": {**self.selector, **SERVER, **role},
                    "ports": [
                        {
                            "name": "postgres",
                            "port": PORT,
                            "target_port": PORT,
                            "app_protocol": "postgresql",  # so that no check asks it by HTTP
                        }
                    ],
                },
            )
            for suffix, role in roles.items()
        ]

    def _add_network_policy(
        self, clients: dict[str, str], api_server: str, backups: Backups | None
    ) -> pulumi.Resource:
        spec = network_policy(self.selector, clients, api_server, backups.destination if backups else None)
        return self._add(k8s.networking.v1.NetworkPolicy, name=self.pulumi_resource_name, spec=spec)

    def _add_member(
        self,
        number: int,
        pods: Pods,
        storage: str,
        storage_class: str | None,
        protect: bool,
        needed: Sequence[pulumi.Resource],
        specs: list[Any],
    ) -> k8s.apps.v1.StatefulSet:
        """Make a member: a claim, and a StatefulSet of one pod, which the Job of an update restarts."""
        name, suffix = self._sets[number], f"-{number}"
        claim = self._add_claim(name, suffix, storage, storage_class=storage_class, protect=protect)
        labels = {**self.selector, **SERVER}
        spec: k8s.apps.v1.StatefulSetSpecArgsDict = {
            "service_name": self.pulumi_resource_name,
            "replicas": 1,
            "update_strategy": {"type": "OnDelete"},
            "selector": {"match_labels": {**labels, "statefulset": name}},
            "template": {
                "metadata": {"labels": {**labels, "statefulset": name}},
                "spec": pods.member(name, self.selector),
            },
        }

        def named(arguments: dict[str, Any]) -> str:
            specs.append(arguments["spec"])  # as it is after `transform`
            return name

        return self._add(
            k8s.apps.v1.StatefulSet,
            name=named,
            suffix=suffix,
            annotations=AWAITED_AT_ITS_END,
            spec=spec,
            opts=pulumi.ResourceOptions(depends_on=[claim, *needed]),
        )

    def _add_budget(self) -> None:
        spec: k8s.policy.v1.PodDisruptionBudgetSpecArgsDict = {
            "max_unavailable": 1,
            "selector": {"match_labels": {**self.selector, **SERVER}},
        }
        self._add(k8s.policy.v1.PodDisruptionBudget, name=self.pulumi_resource_name, spec=spec)


def _digest(specs: Sequence[Any]) -> pulumi.Output[str]:
    """Return a hash of the StatefulSets: another one means that pods have to restart."""

    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    return pulumi.Output.unsecret(pulumi.Output.json_dumps(specs, sort_keys=True).apply(digest))
