"""The results of drills: whether, when and how fast a database was last restored from its backups."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ValidationError

from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject, live_objects
from slipway.errors import SlipwayError

SUFFIX = "-drill"
"""The ConfigMap of a database's last drill has the database's name and this."""
KEY = "result.json"
STALE_S = 8 * 86400
"""The age from which `slipway status` calls a drill old: drills run weekly."""


class Drill(BaseModel):
    """The result of the last drill of a database."""

    database: str = ""
    status: Literal["passed", "failed", "missing"] = "missing"
    reason: str = ""
    finished: datetime | None = None
    backup: str = ""
    target_time: str = ""
    rpo_seconds: float | None = None
    rto_seconds: float | None = None
    rows: int = 0
    bytes: int = 0

    @property
    def age_s(self) -> float | None:
        """The seconds since the drill."""
        return (datetime.now(UTC) - self.finished).total_seconds() if self.finished else None

    def problem(self, max_age_s: float) -> str:
        """Return why the drill does not prove that the database can be restored; empty if it does."""
        if self.status == "missing":
            return f"the database {self.database} was never restored in a drill"
        if self.status == "failed":
            return f"the last drill of the database {self.database} failed: {self.reason}"
        if self.age_s is None or self.age_s > max_age_s:
            old = f"{(self.age_s or 0) / 3600:.1f} h"
            return f"the last drill of the database {self.database} is {old} old"
        return ""


def databases(objects: Sequence[StackObject]) -> list[StackObject]:
    """Return the ConfigMaps of drills in the state of a stack: those of databases with backups."""
    found = {item.key: item for item in objects if item.kind == "ConfigMap" and item.name.endswith(SUFFIX)}
    jobs = {(item.namespace, item.name) for item in objects if item.kind == "CronJob"}
    return [
        item
        for item in found.values()
        if (item.namespace, f"{item.name.removesuffix(SUFFIX)}-backup") in jobs
    ]


def drills(cluster: Cluster, objects: Sequence[StackObject]) -> Iterator[Drill]:
    """Yield the last drill of each database of a stack that has backups."""
    places = databases(objects)
    live = live_objects(cluster, places) if places else {}
    for place in places:
        data = live.get(place.key, {}).get("data") or {}
        name = place.name.removesuffix(SUFFIX)
        try:
            drill = Drill.model_validate_json(data[KEY]) if KEY in data else Drill()
        except ValidationError as error:
            reason = f"{place} has another format: {error.errors()[0]['msg']}"
            drill = Drill(status="failed", reason=reason)
        yield drill.model_copy(update={"database": name})


def check_fresh(cluster: Cluster, objects: Sequence[StackObject], stack: str, max_age_s: float) -> None:
    """Check that every database of a stack was restored in a drill, at most so many seconds ago.

    Raises:
        SlipwayError: with each database that was not.
    """
    found = list(drills(cluster, objects))
    problems = [problem for drill in found if (problem := drill.problem(max_age_s))]
    if not found:
        problems = ["it has no database with backups"]
    if problems:
        raise SlipwayError(
            f"--require-drill {max_age_s:.0f} is not met by {stack}:\n  "
            + "\n  ".join(problems)
            + "\nRun a drill: kubectl create job --from=cronjob/DATABASE-drill NAME"
        )
