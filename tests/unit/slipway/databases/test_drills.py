"""Drills, and the words of `slipway restore`."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject
from slipway.databases.drills import STALE_S, check_fresh, drills
from slipway.databases.restore import moment
from slipway.errors import SlipwayError


def item(kind: str, name: str) -> StackObject:
    version = {"ConfigMap": "v1", "CronJob": "batch/v1"}[kind]
    return StackObject(f"urn:{name}", version, kind, "shop", name, {})


STATE = [item("ConfigMap", "db-drill"), item("CronJob", "db-backup"), item("ConfigMap", "fire-drill")]


class FakeCluster:
    """A cluster with the ConfigMap of a drill."""

    def __init__(self, data: dict[str, str]) -> None:
        self.data = data

    def get(self, *_: str) -> list[dict[str, Any]]:
        return [
            {"kind": "ConfigMap", "metadata": {"namespace": "shop", "name": "db-drill"}, "data": self.data}
        ]


def cluster(age: timedelta | None = None, **values: Any) -> Cluster:
    finished = (datetime.now(UTC) - (age or timedelta())).isoformat()
    result = {"status": "passed", "finished": finished, "bytes": 7, **values}
    return cast(Cluster, FakeCluster({"result.json": json.dumps(result)}))


def test_only_a_database_with_backups_has_a_drill() -> None:
    [drill] = drills(cluster(), STATE)
    assert (drill.database, drill.bytes, drill.problem(STALE_S)) == ("db", 7, "")
    assert list(drills(cluster(), STATE[2:])) == []


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        (lambda: cluster(timedelta(hours=3)), "is 3.0 h old"),
        (
            lambda: cluster(status="failed", reason="the store lacks a segment"),
            "failed: the store lacks a segment",
        ),
        (lambda: cast(Cluster, FakeCluster({"about": "text"})), "was never restored"),
        (lambda: cast(Cluster, FakeCluster({"result.json": "{"})), "has another format"),
    ],
)
def test_a_promotion_can_demand_a_fresh_one(where: Callable[[], Cluster], problem: str) -> None:
    with pytest.raises(SlipwayError, match="--require-drill 3600 is not met by prod") as refused:
        check_fresh(where(), STATE, "prod", 3600)
    assert problem in str(refused.value)


def test_a_fresh_one_is_enough_and_no_database_is_not() -> None:
    check_fresh(cluster(timedelta(minutes=5)), STATE, "prod", 3600)
    with pytest.raises(SlipwayError, match="no database with backups"):
        check_fresh(cluster(), [], "prod", 3600)


def test_a_moment_is_a_text_in_the_stack_file() -> None:
    assert moment("LATEST") == "LATEST"
    assert moment("2026-01-31T12:00:00") == "20260131T120000Z"
    assert moment("2026-01-31T12:00:00.5+02:00") == "20260131T100000.500000Z"
    assert datetime.fromisoformat(moment("2026-01-31")) == datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "2199-01-01", ""])
def test_another_moment_is_refused(text: str) -> None:
    with pytest.raises(SlipwayError, match="--to is"):
        moment(text)
