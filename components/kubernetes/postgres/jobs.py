"""The Jobs of a database: after each change, for base backups, and for drills."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.component import TAKES_OVER
from components.kubernetes.job import failed_job, job_spec, name_for
from components.kubernetes.postgres.options import Backups, Database, Durability
from components.kubernetes.postgres.pods import DATA, Pods

_numbers = itertools.count()
_BACKUP_S = 6 * 3600
_DRILL_S = 3600


class Jobs:
    """The Jobs of one database."""

    def __init__(self, add: Callable[..., Any], pods: Pods, users: Mapping[str, pulumi.Output[str]]) -> None:
        self._add, self._pods, self._users = add, pods, users

    def add_update(
        self,
        members: Sequence[str],
        durability: Durability,
        databases: Sequence[Database],
        version: pulumi.Input[str],
        timeout: int,
        labels: dict[str, str],
        after: Sequence[pulumi.Resource],
    ) -> k8s.batch.v1.Job:
        """Make the Job that brings members, configuration, databases and users to what the program says.

        Pulumi names it: another change makes another Job, also a return to what has been before.
        """
        settings = {
            "members": list(members),
            "synchronous": durability == "sync",
            "databases": [database.as_dict for database in databases],
            "timeout": timeout,
        }
        variables: dict[str, pulumi.Input[str]] = {
            "DB_SETTINGS": json.dumps(settings, sort_keys=True),
            "DB_VERSION": version,
            **(self._pods.restore.variables if self._pods.restore else {}),
        }
        pod = self._pods.job("apply", self._users, variables)
        explain = pulumi.ErrorHook(f"Postgres {self._pods.name} {next(_numbers)} failed", self._explain)
        job: k8s.batch.v1.Job = self._add(
            k8s.batch.v1.Job,
            suffix="-update",
            annotations={"pulumi.com/timeoutSeconds": str(2 * timeout + 60)},
            spec=job_spec(labels, pod, 2 * timeout, retries=3),
            opts=pulumi.ResourceOptions(
                depends_on=list(after), hooks=pulumi.ResourceHookBinding(on_error=[explain])
            ),
        )
        return job

    def add_backups(
        self, backups: Backups, storage: str, labels: dict[str, str], after: pulumi.Resource
    ) -> pulumi.Output[dict[str, Any]]:
        """Make the CronJob of base backups, the Job and the CronJob of drills; return the last result."""
        name = self._pods.name
        backup = job_spec(labels, self._pods.job("backup", {}, {}), _BACKUP_S, retries=2)
        self._add_cron_job(f"{name}-backup", "-backup", backups.schedule, backup, [after])
        result = self._add(
            k8s.core.v1.ConfigMap,
            name=f"{name}-drill",
            suffix="-drill",
            annotations=TAKES_OVER,
            data={"about": f"The result of the last drill of {name} is in result.json"},
        )
        drill = job_spec(
            labels, self._pods.job("drill", {}, {"DRILL_SCRATCH": DATA}, scratch=storage), _DRILL_S, retries=0
        )
        if backups.drill:
            self._add_cron_job(f"{name}-drill", "-drill", backups.drill, drill, [after, result])
        explain = pulumi.ErrorHook(f"Drill of {name} {next(_numbers)} failed", self._explain_drill)
        job = self._add(
            k8s.batch.v1.Job,
            name=lambda arguments: name_for(f"{name}-drill", arguments["spec"]),
            suffix="-drill",
            annotations={"pulumi.com/timeoutSeconds": str(_DRILL_S + 60)},
            spec=drill,
            opts=pulumi.ResourceOptions(
                depends_on=[after, result],
                retain_on_delete=True,
                hooks=pulumi.ResourceHookBinding(on_error=[explain]),
            ),
        )
        return self._result(job)

    def _result(self, job: k8s.batch.v1.Job) -> pulumi.Output[dict[str, Any]]:
        """Return the result of the last drill, as the cluster has it once the Job has succeeded."""
        name = f"{self._pods.name}-drill"

        def parsed(data: Mapping[str, str] | None) -> dict[str, Any]:
            found: dict[str, Any] = json.loads((data or {}).get("result.json", "{}"))
            return found

        place = job.metadata.apply(lambda metadata: f"{metadata.namespace}/{name}" if metadata.uid else name)
        read = k8s.core.v1.ConfigMap.get(
            f"{name}-result", place, opts=pulumi.ResourceOptions(parent=job, depends_on=[job])
        )
        return pulumi.Output.unsecret(read.data).apply(parsed)

    def _add_cron_job(
        self,
        name: str,
        suffix: str,
        schedule: str,
        spec: k8s.batch.v1.JobSpecArgsDict,
        after: Sequence[pulumi.Resource],
    ) -> None:
        self._add(
            k8s.batch.v1.CronJob,
            name=name,
            suffix=suffix,
            spec={
                "schedule": schedule,
                "time_zone": "Etc/UTC",
                "starting_deadline_seconds": 3600,
                "concurrency_policy": "Forbid",
                "job_template": {"spec": spec},
            },
            opts=pulumi.ResourceOptions(depends_on=list(after)),
        )

    def _explain(self, failure: pulumi.ErrorHookArgs) -> bool:
        """Print what to do when an update of the database has failed."""
        job, namespace = failed_job(failure)
        place = f"kubectl --namespace {namespace}"
        pulumi.log.error(
            f"The update of the database {self._pods.name} failed. A primary that was not reached yet serves"
            " on as it was.\n"
            f"  What failed: {place} logs job/{job}\n"
            f"  The members: {place} exec {self._pods.name}-0-0 -- patronictl -c /tmp/patroni.json list\n"
            f"  Correct the cause, then: {place} delete job/{job} && pulumi up --refresh"
        )
        return False  # do not try again

    def _explain_drill(self, failure: pulumi.ErrorHookArgs) -> bool:
        """Print what to do when a drill has failed."""
        job, namespace = failed_job(failure)
        place = f"kubectl --namespace {namespace}"
        pulumi.log.error(
            f"The drill of the database {self._pods.name} failed: from its backups as they are, it cannot be"
            " restored. It serves on as it was.\n"
            f"  What failed: {place} logs job/{job}\n"
            "  If the store has lost or damaged something, a new base backup covers it:"
            f" {place} create job --from=cronjob/{self._pods.name}-backup backup-now\n"
            f"  Then again: {place} delete job/{job} && pulumi up --refresh"
        )
        return False  # do not try again
