"""Every labelled change, as the real engine told it in a preview, gets the level that its label says.

tests/e2e/slipway/corpus/ has the changes; recording.py there records them anew.
"""

import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

from slipway.cluster.capacity import from_objects
from slipway.preview.rules import Consequence, Situation, consequences
from slipway.pulumi.events import summarise
from tests.e2e.slipway.corpus.cases import CLUSTER, OBSERVED, Case, cases

CASES = cases()
ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
MOST_FALSE_ALARMS = 0.05


@cache
def found(case: Case) -> tuple[Consequence, ...]:
    told = summarise(case.events())
    changes = tuple(change for change in told.changes if change.custom)
    cluster = from_objects(json.loads(CLUSTER.read_text()))
    return consequences(Situation(changes, told.unchanged, cluster))


def level(case: Case) -> str:
    return max((one.level for one in found(case)), key=lambda one: one.rank, default="safe")


@ALL
def test_a_change_gets_the_level_that_its_label_says_for_the_reasons_that_it_says(case: Case) -> None:
    told = found(case)
    assert level(case) == case.level, told
    assert set(case.about) <= {one.concern for one in told}
    if case.level != "safe":
        assert set(case.about) & {one.concern for one in told if one.level == case.level}


def test_there_are_at_least_a_hundred_of_each_a_share() -> None:
    shares = Counter(case.level for case in CASES)
    assert sum(shares.values()) >= 100
    assert min(shares[one] for one in ("safe", "attention", "dangerous")) >= 25


def test_every_destructive_change_is_called_dangerous_and_few_others_are() -> None:
    dangerous = {case.name for case in CASES if level(case) == "dangerous"}
    labelled = {case.name for case in CASES if case.level == "dangerous"}
    assert not labelled - dangerous
    assert len(dangerous - labelled) <= MOST_FALSE_ALARMS * len(CASES)


def observations() -> list[tuple[str, dict[str, Any]]]:
    return list(json.loads(OBSERVED.read_text()).items()) if OBSERVED.exists() else []


@pytest.mark.parametrize(("name", "seen"), observations())
def test_what_was_seen_to_do_harm_on_a_cluster_is_called_dangerous(name: str, seen: dict[str, Any]) -> None:
    [case] = [one for one in CASES if one.name == name]
    if seen["lost"] or seen["opened"] or seen["outage"]:
        assert level(case) == "dangerous"


@pytest.mark.parametrize(("name", "seen"), observations())
def test_pods_seen_to_restart_were_said_to(name: str, seen: dict[str, Any]) -> None:
    [case] = [one for one in CASES if one.name == name]
    told = " ".join(one.reason for one in found(case))
    assert not [one for one in seen["restarted"] if one not in told]


@ALL
def test_no_planted_secret_is_in_what_was_recorded(case: Case) -> None:
    text = case.recording.read_text()
    assert "planted-token" not in text
    assert "planted-password" not in text
