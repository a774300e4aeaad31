"""Levels of the corpus: labelled changes with the recorded events of their previews.

The corpus is in tests/e2e/slipway/corpus/; recording.py there records it.
"""

import json
from functools import cache
from typing import Any

import pytest

from slipway.cluster.capacity import from_objects
from slipway.preview.rules import Consequence, Level, Situation, consequences, highest
from slipway.pulumi.events import summarise
from tests.e2e.slipway.corpus.cases import CLUSTER, OBSERVED, Case, cases

CASES = cases()
BY_NAME = {case.name: case for case in CASES}
OBSERVATIONS = json.loads(OBSERVED.read_text()).items()
ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)


@cache
def found(case: Case) -> tuple[Consequence, ...]:
    summary = summarise(case.events())
    changes = tuple(change for change in summary.changes if change.custom)
    cluster = from_objects(json.loads(CLUSTER.read_text()))
    return consequences(Situation(changes, summary.unchanged, cluster))


def level(case: Case) -> Level:
    return highest(consequence.level for consequence in found(case))


@ALL
def test_a_change_has_the_level_and_concerns_of_its_label(case: Case) -> None:
    label = Level(case.level)
    assert level(case) is label, found(case)
    assert set(case.about) <= {consequence.concern for consequence in found(case)}
    highest_concerns = {item.concern for item in found(case) if item.level is label}
    assert label is Level.SAFE or set(case.about) & highest_concerns


@pytest.mark.parametrize(("name", "observed"), OBSERVATIONS)
def test_observed_harm_is_dangerous(name: str, observed: dict[str, Any]) -> None:
    harm = observed["lost"] or observed["opened"] or observed["outage"]
    assert not harm or level(BY_NAME[name]) is Level.DANGEROUS


@pytest.mark.parametrize(("name", "observed"), OBSERVATIONS)
def test_observed_restarts_are_reported(name: str, observed: dict[str, Any]) -> None:
    reasons = " ".join(consequence.reason for consequence in found(BY_NAME[name]))
    assert not [pod for pod in observed["restarted"] if pod not in reasons]


@ALL
def test_recordings_contain_no_planted_secret(case: Case) -> None:
    text = case.recording.read_text()
    assert "planted-token" not in text
    assert "planted-password" not in text
