"""The pods of a database: members with the data, and Jobs around them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.env import EnvVar
from components.kubernetes.pod import PodSecurity, Resources, pod_spec
from components.kubernetes.postgres.access import REST_PORT, SERVER
from components.kubernetes.postgres.options import PORT, Backups, Restore
from components.kubernetes.probes import Probe
from components.validation import quantity

DATA = "/var/lib/postgresql/data"
_USERS = "/etc/postgres/users"
_STORE = "/etc/postgres/store"
GRACE_S = 120
"""Seconds for the last checkpoint of a server that stops."""
SECURITY = PodSecurity()
"""The user that the image has."""
_MODE = 0o440


def database_variables(
    name: str, resources: Resources, parameters: Mapping[str, str], backups: Backups | None
) -> dict[str, str]:
    """Return the environment of every process of a database's image."""
    return {
        "DB_NAME": name,
        "DB_MEMORY": str(int(quantity(resources.limits.as_dict["memory"]))),
        "DB_PARAMETERS": json.dumps(parameters, sort_keys=True),
        "PGDATA": f"{DATA}/pgdata",
        "PGHOST": name,
        "PGPORT": str(PORT),
        **(backups.variables if backups else {}),
    }


@dataclass(frozen=True, kw_only=True)
class Pods:
    """What all pods of a database have in common."""

    name: str
    image: pulumi.Input[str]
    resources: Resources
    parameters: Mapping[str, str]
    backups: Backups | None
    system: pulumi.Input[str]
    """The name of the Secret with the passwords of PostgreSQL's own users."""
    store: pulumi.Input[str] | None
    """The name of the Secret with the login of the store."""
    platform: str | None
    restore: Restore | None

    def member(self, claim: str, selector: Mapping[str, str]) -> k8s.core.v1.PodSpecArgsDict:
        """Return the pod of a member, whose data is on a claim."""
        starts = Probe.http("/liveness").action(REST_PORT)
        lives: k8s.core.v1.ProbeArgsDict = {"exec_": {"command": ["python3", "-S", "-m", "dbserver.alive"]}}
        ready = Probe.http("/readiness").action(REST_PORT)
        container: k8s.core.v1.ContainerArgsDict = {
            **self._container(self.name),
            "ports": [
                {"name": "postgres", "container_port": PORT},
                {"name": "patroni", "container_port": REST_PORT},
            ],
            "startup_probe": {**starts, "period_seconds": 2, "timeout_seconds": 5, "failure_threshold": 60},
            "readiness_probe": {**ready, "period_seconds": 2, "timeout_seconds": 5},
            "liveness_probe": {
                **lives,
                "period_seconds": 10,
                "timeout_seconds": 10,
                "failure_threshold": 4,
                "termination_grace_period_seconds": 20,  # Patroni may hang: without it, GRACE_S
            },
            # Until every node has stopped sending here; a primary hands its role over first.
            "lifecycle": {"pre_stop": {"exec_": {"command": ["python3", "-m", "dbserver.leave"]}}},
        }
        if self.restore:
            more = [EnvVar.value(name, value).as_dict for name, value in self.restore.variables.items()]
            container["env"] = [*self._environment(), *more]
        # Parallel queries share memory there; the default, 64 MiB, is not enough for large joins.
        shared = f"{int(quantity(self.resources.limits.as_dict['memory'])) // 4 // 1024**2}Mi"
        pod = self._pod(
            container,
            self.name,
            {},
            mounts=[
                {"name": "data", "mount_path": DATA},
                {"name": "shared", "mount_path": "/dev/shm"},  # noqa: S108 # in the pod
            ],
            volumes=[
                {"name": "data", "persistent_volume_claim": {"claim_name": claim}},
                {"name": "shared", "empty_dir": {"medium": "Memory", "size_limit": shared}},
            ],
        )
        pod["termination_grace_period_seconds"] = GRACE_S
        pod["topology_spread_constraints"] = [
            {
                "max_skew": 1,
                "topology_key": "kubernetes.io/hostname",
                "when_unsatisfiable": "ScheduleAnyway",
                "label_selector": {"match_labels": {**selector, **SERVER}},
            }
        ]
        return pod

    def job(
        self,
        module: str,
        users: Mapping[str, pulumi.Input[str]],
        variables: Mapping[str, pulumi.Input[str]],
        scratch: str | None = None,
    ) -> k8s.core.v1.PodSpecArgsDict:
        """Return the pod of a Job that runs a module, with the Secrets of these users.

        With `scratch`, it has an empty disk of that size where members have their data.
        """
        container: k8s.core.v1.ContainerArgsDict = {
            **self._container(module),
            "command": ["python3", "-m", f"dbserver.{module}"],
            "termination_message_policy": "FallbackToLogsOnError",
        }
        environment = [EnvVar.value(name, value).as_dict for name, value in variables.items()]
        container["env"] = [*self._environment(), *environment]
        mounts: list[k8s.core.v1.VolumeMountArgsDict] = []
        volumes: list[k8s.core.v1.VolumeArgsDict] = []
        if scratch:
            container["resources"] = self.resources.with_scratch(quantity(scratch))
            mounts = [{"name": "scratch", "mount_path": DATA}]
            volumes = [{"name": "scratch", "empty_dir": {"size_limit": scratch}}]
        return self._pod(container, f"{self.name}-jobs", users, mounts=mounts, volumes=volumes)

    def _container(self, name: str) -> k8s.core.v1.ContainerArgsDict:
        return {
            "name": name,
            "image": self.image,
            "env": self._environment(),
            "resources": self.resources.as_dict,
        }

    def _environment(self) -> list[k8s.core.v1.EnvVarArgsDict]:
        values = database_variables(self.name, self.resources, self.parameters, self.backups)
        fields = {
            "POD_NAME": "metadata.name",
            "POD_NAMESPACE": "metadata.namespace",
            "POD_IP": "status.podIP",
        }
        entries: list[k8s.core.v1.EnvVarArgsDict] = []
        for name, value in values.items():
            entries.append({"name": name, "value": value})
        for name, path in fields.items():
            entries.append({"name": name, "value_from": {"field_ref": {"field_path": path}}})
        return entries

    def _pod(
        self,
        container: k8s.core.v1.ContainerArgsDict,
        account: str,
        users: Mapping[str, pulumi.Input[str]],
        mounts: Sequence[k8s.core.v1.VolumeMountArgsDict],
        volumes: Sequence[k8s.core.v1.VolumeArgsDict],
    ) -> k8s.core.v1.PodSpecArgsDict:
        passwords: list[k8s.core.v1.VolumeProjectionArgsDict] = [{"secret": {"name": self.system}}]
        for user, secret in users.items():
            passwords.append({"secret": {"name": secret, "items": [{"key": "password", "path": user}]}})
        secrets: list[k8s.core.v1.VolumeArgsDict] = [
            {"name": "users", "projected": {"sources": passwords, "default_mode": _MODE}}
        ]
        mounted: list[k8s.core.v1.VolumeMountArgsDict] = [
            {"name": "users", "mount_path": _USERS, "read_only": True}
        ]
        if self.store is not None:
            secrets.append({"name": "store", "secret": {"secret_name": self.store, "default_mode": _MODE}})
            mounted.append({"name": "store", "mount_path": _STORE, "read_only": True})
        return pod_spec(
            container,
            SECURITY,
            account=account,
            token=True,
            platform=self.platform,
            mounts=[*mounted, *mounts],
            volumes=[*secrets, *volumes],
        )
