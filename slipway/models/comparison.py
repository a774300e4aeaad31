"""Paired comparisons of two models on the same rows, which decide whether one may replace the other.

Classes are compared by McNemar's counts, errors by a bootstrap. docs/decisions/models.md has the formulas.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

SEED = 1
MOST_EXACT = 1000
"""The differing rows up to which McNemar's test is exact; above, the normal distribution is as good."""
MAX_RESAMPLES = 2000
_DRAWS = 4_000_000
"""The bootstrap draws at most so many rows: it takes seconds for any number of rows."""


@dataclass(frozen=True)
class Verdict:
    """Whether the challenger may replace the champion, and why."""

    passed: bool
    detail: str


def compare_classes(
    champion: Sequence[int], challenger: Sequence[int], margin: float, confidence: float
) -> Verdict:
    """Compare two classifiers by the rows that each classifies correctly (1) or not (0).

    The challenger passes if, with this confidence, its accuracy is not below the champion's by more than
    `margin`. The upper bound of the difference is Agresti and Min's, which adds half a row to each of the
    four counts: without that, two equal models would pass on a single row. On fewer rows than two equal
    models need, a better one is refused too: it may be better by chance.
    """
    rows = len(champion)
    lost = sum(a > b for a, b in zip(champion, challenger, strict=True))
    gained = sum(a < b for a, b in zip(champion, challenger, strict=True))
    z = NormalDist().inv_cdf(confidence)
    bound = _bound(rows, lost, gained, z)
    text = (
        f"accuracy {fmean(champion):.4f} → {fmean(challenger):.4f} on {rows} rows:"
        f" {lost} lost, {gained} gained (McNemar p = {mcnemar(lost, gained):.3g})"
    )
    if max(bound, _bound(rows, 0, 0, z)) <= margin:
        return Verdict(True, f"{text}; at most {max(bound, 0):.4f} worse with {confidence:.0%} confidence")
    difference = (lost - gained) / rows
    if difference >= margin:
        return Verdict(False, f"{text}; worse by {difference:.4f}, and the margin is {margin}")
    needed = _rows_needed(lost / rows, gained / rows, margin, z)
    return Verdict(
        False,
        f"{text}; too few rows to exclude, with {confidence:.0%} confidence, that it is worse by the margin,"
        f" {margin}. At this rate of differences it takes {needed} rows",
    )


def mcnemar(lost: int, gained: int) -> float:
    """Return the probability that so many of the rows that differ, or more, are lost by chance."""
    different = lost + gained
    if different > MOST_EXACT:
        return NormalDist().cdf((gained - lost + 1) / math.sqrt(different))
    as_many = sum(math.comb(different, count) for count in range(lost, different + 1))
    return float(as_many / 2**different)


def _bound(rows: float, lost: float, gained: float, z: float) -> float:
    """Return the upper bound of the share of rows lost minus that of rows gained."""
    total, worse, better = rows + 2, lost + 0.5, gained + 0.5
    difference = (worse - better) / total
    variance = (worse + better) / total - difference**2
    return difference + z * math.sqrt(max(variance, 0) / total)


def _rows_needed(lost: float, gained: float, margin: float, z: float) -> int:
    """Return the number of rows from which a challenger with these shares would pass."""
    rows, least = 1, 0.0
    while max(least, _bound(rows, 0, 0, z)) > margin or rows == 1:
        rows = math.ceil(rows * 1.05) + 1
        least = _bound(rows, math.ceil(lost * rows), math.floor(gained * rows), z)
    return rows


def compare_errors(
    champion: Sequence[float], challenger: Sequence[float], margin: float, confidence: float
) -> Verdict:
    """Compare two regressions by the absolute error of each row.

    The challenger passes if, with this confidence, its mean error is not above the champion's by more than
    the share `margin` of that. The bound is the percentile of a bootstrap over the rows. An error that is no
    finite number has no order and no mean: a challenger with one is refused, whatever its other errors are,
    and rows to which only the champion has no answer are left out, because the challenger is better there.
    """
    if unanswered := sum(not math.isfinite(error) for error in challenger):
        return Verdict(False, f"it answers {unanswered} of {len(challenger)} rows with no finite number")
    pairs = [(a, b) for a, b in zip(champion, challenger, strict=True) if math.isfinite(a)]
    if not pairs:
        return Verdict(False, "the champion answers no row with a finite number: there is nothing to compare")
    rows, mean = len(pairs), fmean(a for a, _ in pairs)
    differences = [b - a for a, b in pairs]
    resamples = max(200, min(MAX_RESAMPLES, _DRAWS // rows))
    generator = random.Random(SEED)  # noqa: S311 # a bootstrap, no secret
    means = sorted(fmean(generator.choices(differences, k=rows)) for _ in range(resamples))
    bound = means[min(resamples - 1, math.ceil(confidence * resamples))]
    allowed = margin * mean
    text = f"mean absolute error {mean:.4g} → {fmean(b for _, b in pairs):.4g} on {rows} rows"
    if bound <= allowed and rows >= _least_rows(confidence):
        return Verdict(True, f"{text}; at most {max(bound, 0):.4g} worse with {confidence:.0%} confidence")
    difference = fmean(differences)
    if difference >= allowed and difference > 0:
        return Verdict(False, f"{text}; worse by {difference:.4g}, and the margin is {allowed:.4g}")
    needed = _least_rows(confidence)
    if bound > allowed:
        spread = bound - difference
        needed = max(needed, math.ceil(rows * (spread / (allowed - difference)) ** 2))
    return Verdict(
        False,
        f"{text}; too few rows: with {confidence:.0%} confidence it may be {bound:.4g} worse, and the margin"
        f" is {allowed:.4g}. It takes about {needed} rows",
    )


def _least_rows(confidence: float) -> int:
    """Return the rows below which a bootstrap cannot have this confidence: its tails need some rows."""
    return math.ceil(2 / (1 - confidence))
