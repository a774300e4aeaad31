"""Levels of the corpus: labelled changes with the events of their previews, recorded or built.

The corpus is in tests/e2e/slipway/corpus/; recording.py there records it.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from slipway.preview.rules import Level
from tests.e2e.slipway.corpus.built import BuiltCase
from tests.e2e.slipway.corpus.cases import OBSERVED, Case, cases
from tests.e2e.slipway.corpus.figures import all_cases, counts, found, interval, level, table

GUIDE = Path(__file__).parents[4] / "docs/guides/previews.md"
BY_NAME = {case.name: case for case in cases()}
OBSERVATIONS = json.loads(OBSERVED.read_text()).items()
RELEASES = {
    "a new version of the web service": ["web"],
    "a new version of both web services": ["web", "auto"],
    "an environment variable more": ["web"],
    "a release with one more variable": ["shop"],
    "a release with another value of a variable": ["shop"],
}
"""Cases of ordinary releases, and the workloads that change."""
ALL = pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.slug)


@ALL
def test_a_change_has_the_level_and_concerns_of_its_label(case: Case | BuiltCase) -> None:
    label = Level(case.level)
    assert level(case) is label, found(case)
    assert set(case.about) <= {consequence.concern for consequence in found(case)}
    highest_concerns = {item.concern for item in found(case) if item.level is label}
    assert label is Level.SAFE or not case.about or set(case.about) & highest_concerns


@pytest.mark.parametrize(("name", "observed"), OBSERVATIONS)
def test_observed_harm_is_dangerous(name: str, observed: dict[str, Any]) -> None:
    harm = observed["lost"] or observed["opened"] or observed["outage"]
    assert not harm or level(BY_NAME[name]) is Level.DANGEROUS


@pytest.mark.parametrize(("name", "observed"), OBSERVATIONS)
def test_observed_restarts_are_reported(name: str, observed: dict[str, Any]) -> None:
    reasons = " ".join(consequence.reason for consequence in found(BY_NAME[name]))
    assert not [pod for pod in observed["restarted"] if pod not in reasons]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.slug)
def test_recordings_contain_no_planted_secret(case: Case) -> None:
    text = case.recording.read_text()
    assert "planted-token" not in text
    assert "planted-password" not in text


def test_names_of_cases_are_different() -> None:
    names = [case.slug for case in all_cases()]
    assert len(names) == len(set(names))


def test_figures() -> None:
    """What reports recognise: all that is dangerous, and few alarms for what is harmless."""
    dangerous, attention, safe = (counts(label) for label in (Level.DANGEROUS, Level.ATTENTION, Level.SAFE))
    assert dangerous[0] == dangerous[1]
    assert attention[0] >= 0.95 * attention[1]
    assert safe[0] < 0.05 * safe[1]
    assert dangerous[1] + attention[1] + safe[1] >= 200


@pytest.mark.parametrize("name", RELEASES)
def test_an_ordinary_release_is_short_and_safe(name: str) -> None:
    """What a reviewer would wave through: a new image, a variable more or with another value."""
    [case] = [case for case in all_cases() if case.name == name]
    assert {consequence.level for consequence in found(case)} == {Level.SAFE}
    assert len(found(case)) <= 2 * len(RELEASES[name])


def test_the_guide_has_the_figures() -> None:
    assert "\n".join(table()) in GUIDE.read_text()


@pytest.mark.parametrize(
    ("successes", "number", "low", "high"), [(0, 20, 0.0, 0.161), (20, 20, 0.839, 1.0), (5, 10, 0.237, 0.763)]
)
def test_interval(successes: int, number: int, low: float, high: float) -> None:
    assert interval(successes, number) == pytest.approx((low, high), abs=0.001)
