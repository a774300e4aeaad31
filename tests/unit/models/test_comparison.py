"""The statistics of the gate, by controls whose result is known."""

import math
import random

import pytest

from slipway.models.comparison import compare_classes, compare_errors, mcnemar

MARGIN, CONFIDENCE = 0.02, 0.95


def classes(rows: int, right: float, lost: float, gained: float) -> tuple[list[int], list[int]]:
    """Return the outcomes of a champion, and of a challenger that loses and gains shares of the rows."""
    good = round(rows * right)
    champion = [1] * good + [0] * (rows - good)
    challenger = [0] * round(rows * lost) + champion[round(rows * lost) :]
    for row in range(good, good + round(rows * gained)):
        challenger[row] = 1
    return champion, challenger


@pytest.mark.parametrize(
    ("rows", "right", "lost", "gained", "passed", "text"),
    [
        (600, 0.96, 0, 0, True, "0 lost, 0 gained"),
        (600, 0.96, 0.002, 0.01, True, "confidence"),
        (600, 0.96, 0.86, 0, False, "worse by 0.8600"),
        (600, 0.96, 0.05, 0, False, "worse by 0.0500"),
        (30, 0.9, 0, 0.1, False, "too few rows"),
        (100, 0.9, 0, 0.1, True, "10 gained"),
        (30, 0.9, 0, 0, False, "too few rows"),
        (30, 0.9, 0.0333, 0.0667, False, "too few rows"),
        (1, 1, 0, 0, False, "too few rows"),
    ],
)
def test_classes(rows: int, right: float, lost: float, gained: float, passed: bool, text: str) -> None:
    verdict = compare_classes(*classes(rows, right, lost, gained), MARGIN, CONFIDENCE)
    assert (verdict.passed, text in verdict.detail) == (passed, True), verdict.detail


def test_the_rows_that_it_takes_are_enough() -> None:
    """And one row less is not, within the step of the search."""
    verdict = compare_classes(*classes(30, 0.9, 0.0333, 0.0667), MARGIN, CONFIDENCE)
    rows = int(verdict.detail.rpartition("takes ")[2].split()[0])
    assert compare_classes(*classes(rows, 0.9, 1 / 30, 2 / 30), MARGIN, CONFIDENCE).passed
    assert not compare_classes(*classes(round(rows * 0.8), 0.9, 1 / 30, 2 / 30), MARGIN, CONFIDENCE).passed


def test_a_challenger_at_the_margin_is_refused_as_often_as_the_confidence_says() -> None:
    """Of 400 challengers that are worse by just the margin, about 5 % may pass."""
    generator = random.Random(7)  # noqa: S311 # a simulation
    passed = 0
    for _ in range(400):
        pairs = generator.choices([(1, 0), (0, 1), (1, 1)], weights=[0.04, 0.02, 0.94], k=1000)
        champion, challenger = zip(*pairs, strict=True)
        passed += compare_classes(champion, challenger, MARGIN, CONFIDENCE).passed
    assert passed <= 400 * 0.09


@pytest.mark.parametrize(
    ("lost", "gained", "p"), [(0, 0, 1), (1, 0, 0.5), (5, 0, 1 / 32), (0, 5, 1), (8, 2, 56 / 1024)]
)
def test_mcnemar(lost: int, gained: int, p: float) -> None:
    assert mcnemar(lost, gained) == pytest.approx(p)


def test_mcnemar_of_many_rows_is_near_the_exact_one() -> None:
    assert mcnemar(521, 480) == pytest.approx(mcnemar(520, 480), rel=0.1)


def errors(rows: int, more: float, noise: float = 0.1) -> tuple[list[float], list[float]]:
    generator = random.Random(3)  # noqa: S311 # made-up errors
    champion = [generator.uniform(0.5, 1.5) for _ in range(rows)]
    return champion, [value + more + generator.gauss(0, noise) for value in champion]


@pytest.mark.parametrize(
    ("rows", "more", "noise", "passed", "text"),
    [
        (500, 0, 0, True, "confidence"),
        (500, -0.1, 0.1, True, "confidence"),
        (500, 0.5, 0.1, False, "worse by"),
        (20, 0, 0.5, False, "too few rows"),
        (5, 0, 0, False, "too few rows"),
    ],
)
def test_errors(rows: int, more: float, noise: float, passed: bool, text: str) -> None:
    verdict = compare_errors(*errors(rows, more, noise), MARGIN, CONFIDENCE)
    assert (verdict.passed, text in verdict.detail) == (passed, True), verdict.detail


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("row", [0, 250, 499])
def test_a_challenger_with_an_answer_that_is_no_number_is_refused(number: float, row: int) -> None:
    champion, challenger = errors(500, -0.1)
    challenger[row] = number
    verdict = compare_errors(champion, challenger, MARGIN, CONFIDENCE)
    assert not verdict.passed
    assert verdict.detail == "it answers 1 of 500 rows with no finite number"


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_rows_without_an_answer_of_the_champion_are_left_out(number: float) -> None:
    """An infinite mean error would allow every other error."""
    for more, passed in ((-0.1, True), (0.5, False)):
        champion, challenger = errors(500, more)
        champion[:100] = [number] * 100
        verdict = compare_errors(champion, challenger, MARGIN, CONFIDENCE)
        assert (verdict.passed, "on 400 rows" in verdict.detail) == (passed, True), verdict.detail
    verdict = compare_errors([number] * 500, challenger, MARGIN, CONFIDENCE)
    assert (verdict.passed, "nothing to compare" in verdict.detail) == (False, True)


def test_the_bootstrap_gives_the_same_answer_each_time() -> None:
    given = errors(200, 0.001)
    assert compare_errors(*given, MARGIN, CONFIDENCE) == compare_errors(*given, MARGIN, CONFIDENCE)
