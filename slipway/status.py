"""What each stack of a project runs, and how it is."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel

from slipway.cluster.objects import differing, live_objects
from slipway.cluster.rollout import rollout_problems
from slipway.errors import SlipwayError
from slipway.preview import commits
from slipway.promotion.receipts import Outcome
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot
from slipway.recovery.drift import cluster_drift

AT_ONCE = 2
"""Each stack takes a pulumi and a kubectl."""


class Health(StrEnum):
    """How a stack is."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    EMPTY = "not deployed"
    UNKNOWN = "unknown"
    """It could not be read."""


class Row(BaseModel):
    """One stack."""

    stack: str
    health: Health
    problems: tuple[str, ...] = ()
    version: str = ""
    """The image's tag."""
    digest: str = ""
    commit: str = ""
    drifted: bool = False
    age_s: float | None = None
    """Seconds since the version was promoted to it, or last updated."""
    update: str = ""
    """The last operation, and how it ended: update succeeded."""
    updated: datetime | None = None
    verified: bool = False
    """Whether the latest receipt is about this version, and a good one."""


def overview(project: Project, names: list[str] | None = None) -> list[Row]:
    """Look at stacks, by default at all that the backend has of the project."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = pool.map(lambda name: _row(project, name), names or project.stacks())
    return list(rows)


def _row(project: Project, name: str) -> Row:
    try:
        return _looked_at(StackSnapshot.read(project, name))
    except SlipwayError as error:
        return Row(stack=name, health=Health.UNKNOWN, problems=(str(error),))


def _looked_at(side: StackSnapshot) -> Row:
    last = next(iter(side.updates), None)
    updated = datetime.fromisoformat(last.ended or last.started) if last else None
    row = Row(
        stack=side.name,
        health=Health.EMPTY,
        update=f"{last.kind} {last.result}" if last else "",
        updated=updated,
    )
    if side.image is None:
        return row
    objects = side.objects
    live = live_objects(side.cluster, objects)
    problems = [f"{one} was under way when an update died" for one in side.interrupted_operations]
    problems += rollout_problems(objects, live)
    problems += [] if last is None or last.result == "succeeded" else [f"the last {last.kind} {last.result}"]
    drifted = cluster_drift(side.stack) if any(differing(objects, live)) else []
    latest = next(iter(side.receipts.all()), None)
    about = latest is not None and latest.digest == side.image.digest
    since = latest.ended if latest and about and latest.ended else updated
    return row.model_copy(
        update={
            "health": Health.UNHEALTHY if problems else Health.HEALTHY,
            "problems": tuple(problems + drifted),
            "version": side.image.tag,
            "digest": side.image.digest,
            "commit": (latest.commit if latest and about else "") or commits.of_last_update(side.updates),
            "drifted": bool(drifted),
            "age_s": (datetime.now(UTC) - since).total_seconds() if since else None,
            "verified": about and latest is not None and latest.outcome is Outcome.VERIFIED,
        }
    )


def age(seconds: float | None) -> str:
    """Return 3 d, 4 h, 5 min or 6 s."""
    if seconds is None:
        return ""
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit:.0f} {name}"
    return f"{max(seconds, 0):.0f} s"
