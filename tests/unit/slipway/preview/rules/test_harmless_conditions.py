"""Conditions of harmless changes, and the changes of the same properties that are not harmless."""

from typing import Any

import pytest

from slipway.preview.rules import Level, Situation, consequences, highest
from slipway.pulumi.changes import Change, Op


def made(kind: str, spec: dict[str, Any], name: str = "web", version: str = "v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def change(old: dict[str, Any], new: dict[str, Any]) -> Change:
    urn = f"urn::{old['kind']}-{old['metadata']['name']}"
    return Change(urn, f"kubernetes:x:{old['kind']}", Op.SAME if old == new else Op.UPDATE, "", old, new, {})


def level(*pairs: tuple[dict[str, Any], dict[str, Any]]) -> Level:
    """Return the level of a report about objects before and after."""
    changes = [change(*pair) for pair in pairs]
    different = tuple(item for item in changes if item.op is not Op.SAME)
    same = tuple(item for item in changes if item.op is Op.SAME)
    return highest(item.level for item in consequences(Situation(different, same)))


class TestSchedules:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("0 9-17 * * *", "0 9-9 * * *"),
            ("0 3 * * 1-5", "0 3 * * 1-1"),
            ("0 3 1 * *", "0 3 31 * *"),
            ("0 3 31 * *", "0 3 1 * *"),
            ("0 3 28 2 *", "0 3 30 2 *"),
            ("0 3 30 1 *", "0 3 30 2 *"),
            ("0 3 * * *", "0 3 * * 0"),
            ("0 3 * * *", "0,30 3 * * *"),
            ("*/5 * * * *", "*/7 * * * *"),
            ("0 3 * * *", "@daily"),
        ],
    )
    def test_another_number_of_runs_needs_attention(self, before: str, after: str) -> None:
        old, new = (made("CronJob", {"schedule": schedule}) for schedule in (before, after))
        assert level((old, new)) is Level.ATTENTION

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("0 3 * * *", "30 4 * * *"),
            ("0 3 1 * *", "0 3 15 * *"),
            ("0 9-17 * * 1-5", "30 9-17 * * 1-5"),
            ("0 3 31 * *", "0 4 31 * *"),
            ("*/5 3 * * *", "*/5 4 * * *"),
        ],
    )
    def test_another_time_is_safe(self, before: str, after: str) -> None:
        old, new = (made("CronJob", {"schedule": schedule}) for schedule in (before, after))
        assert level((old, new)) is Level.SAFE
