"""Health and version of every stack of a project."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel

from slipway import masking
from slipway.capacity.recommend import Container, containers
from slipway.capacity.sampling import current_use
from slipway.cluster import compatibility, quantities
from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject, differing, live_objects
from slipway.cluster.pods import finished_pods
from slipway.cluster.rollout import rollout_problems, workloads
from slipway.databases.drills import STALE_S, Drill, drills
from slipway.errors import SlipwayError
from slipway.preview import commits
from slipway.preview.rules.consequence import count
from slipway.promotion.receipts import Outcome
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery.drift import cluster_drift

AT_ONCE = 2
"""The number of stacks to read in parallel; each takes a pulumi and a kubectl process."""

T = TypeVar("T")


class Health(StrEnum):
    """The health of a stack."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    EMPTY = "not deployed"
    UNKNOWN = "unknown"
    """The stack cannot be read."""


class Row(BaseModel):
    """The status of one stack."""

    stack: str
    health: Health
    problems: tuple[str, ...] = ()
    version: str = ""
    """The image's tag."""
    digest: str = ""
    commit: str = ""
    notes: tuple[str, ...] = ()
    """Remarks that are not problems of the stack: limits of its cluster, and pods that have finished."""
    drifted: bool = False
    age_s: float | None = None
    """Seconds since the version was promoted to the stack, or since the last update."""
    update: str = ""
    """The last operation and its result: update succeeded."""
    updated: datetime | None = None
    usage: tuple[str, ...] = ()
    """The present use of each workload next to its requests, if the cluster measures it."""
    drills: tuple[str, ...] = ()
    """The latest drill of each database with backups: when, to which moment, and how fast."""
    verified: bool = False
    """Whether the latest receipt is for this version, and its outcome is verified."""


def overview(project: Project, names: Sequence[str] | None = None) -> list[Row]:
    """Return the status of stacks, by default of all stacks of the project in the backend."""
    return for_stacks(project, names, _row)


def for_stacks(project: Project, names: Sequence[str] | None, read: Callable[[Project, str], T]) -> list[T]:
    """Read stacks in parallel, by default all stacks of the project in the backend."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda name: read(project, name), names or project.stacks()))


def _row(project: Project, name: str) -> Row:
    try:
        row = _status(StackSnapshot.read(project, name))
    except SlipwayError as error:
        row = Row(stack=name, health=Health.UNKNOWN, problems=(str(error),))
    masked = {key: tuple(map(masking.message, getattr(row, key))) for key in ("problems", "notes", "drills")}
    return row.model_copy(update=masked)


def _status(stack: StackSnapshot) -> Row:
    last = next(iter(stack.updates), None)
    updated = datetime.fromisoformat(last.ended or last.started) if last else None
    row = Row(
        stack=stack.name,
        health=Health.EMPTY,
        update=f"{last.kind} {last.result}" if last else "",
        updated=updated,
    )
    if stack.image is None:
        return row
    objects = stack.objects
    live = live_objects(stack.cluster, objects)
    problems = [
        f"{operation} was under way when an update died" for operation in stack.interrupted_operations
    ]
    problems += rollout_problems(stack.cluster, objects, live)
    problems += [] if last is None or last.result == "succeeded" else [f"the last {last.kind} {last.result}"]
    restored = list(drills(stack.cluster, objects))
    problems += [drill.problem(STALE_S) for drill in restored if drill.status == "failed"]
    drifted = cluster_drift(stack.stack) if any(differing(objects, live)) else []
    finished = finished_pods(
        stack.cluster, [live[item.key] for item in workloads(objects) if item.key in live]
    )
    latest = next(iter(stack.receipts.all()), None)
    if latest is not None and latest.digest != stack.image.digest:
        latest = None
    since = latest.ended if latest and latest.ended else updated
    return row.model_copy(
        update={
            "health": Health.UNHEALTHY if problems else Health.HEALTHY,
            "problems": tuple(problems + drifted),
            "version": stack.image.tag,
            "digest": stack.image.digest,
            "commit": (latest.commit if latest else "") or commits.last_update_commit(stack.updates),
            "notes": (*compatibility.notes(stack.cluster, objects), *finished),
            "drifted": bool(drifted),
            "age_s": (datetime.now(UTC) - since).total_seconds() if since else None,
            "usage": tuple(_usage(stack.cluster, objects)),
            "drills": tuple(_restored(drill) for drill in restored if drill.status != "failed"),
            "verified": latest is not None and latest.outcome is Outcome.VERIFIED,
        }
    )


def _restored(drill: Drill) -> str:
    """Return the line of a drill that has passed, or is missing."""
    if drill.status == "missing":
        return drill.problem(STALE_S)
    stale = "; it is old" if drill.problem(STALE_S) else ""
    return (
        f"{drill.database} was restored {age(drill.age_s)} ago, to {drill.target_time[:19]} UTC, in"
        f" {drill.rto_seconds:.0f} s: {count(drill.rows, 'row')}; a loss takes at most the last"
        f" {drill.rpo_seconds:.0f} s{stale}"
    )


def _usage(cluster: Cluster, objects: Sequence[StackObject]) -> Iterator[str]:
    """Yield a line for each workload; nothing if the cluster has no metrics API."""
    requests: dict[str, list[Container]] = defaultdict(list)
    for container in containers([item.manifest for item in objects]):
        requests[container.workload].append(container)
    for namespace in sorted({item.namespace for item in workloads(objects)}):
        kinds = {item.name: item.kind for item in workloads(objects) if item.namespace == namespace}
        with suppress(SlipwayError):
            for name, (pods, cores, size) in current_use(cluster, namespace, kinds).items():
                cpu = pods * sum(container.today.cpu_request or 0 for container in requests[name])
                memory = pods * sum(container.today.memory_request or 0 for container in requests[name])
                yield (
                    f"{name} uses {quantities.cpu(cores)} of {quantities.cpu(cpu)} CPU and"
                    f" {quantities.memory(size)} of {quantities.memory(memory)} memory in"
                    f" {count(pods, 'pod')}"
                )


def age(seconds: float | None) -> str:
    """Format an age in its largest unit: 3 d, 4 h, 5 min or 6 s."""
    if seconds is None:
        return ""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"
