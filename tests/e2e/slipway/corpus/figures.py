"""How often reports have the level of the labels, with 95 % confidence intervals.

`python -m tests.e2e.slipway.corpus.figures` prints the table of docs/guides/previews.md.
"""

import json
import math
from collections.abc import Iterator
from functools import cache

from slipway.cluster.capacity import from_objects
from slipway.preview.rules import Consequence, Level, Situation, consequences, highest
from slipway.pulumi.events import summarise
from tests.e2e.slipway.corpus.built import BuiltCase, built_cases
from tests.e2e.slipway.corpus.cases import CLUSTER, Case, cases

_Z = 1.96
"""The standard score of 95 %."""


@cache
def all_cases() -> tuple[Case | BuiltCase, ...]:
    """Return the recorded cases, then the built ones."""
    return (*cases(), *built_cases())


@cache
def found(case: Case | BuiltCase) -> tuple[Consequence, ...]:
    """Return the consequences of a case."""
    summary = summarise(case.events())
    changes = tuple(change for change in summary.changes if change.custom)
    objects = json.loads(CLUSTER.read_text())
    cluster = from_objects(case.cluster(objects) if isinstance(case, BuiltCase) else objects)
    return consequences(Situation(changes, summary.unchanged, cluster))


def level(case: Case | BuiltCase) -> Level:
    """Return the level of a case's report."""
    return highest(consequence.level for consequence in found(case))


def interval(successes: int, number: int) -> tuple[float, float]:
    """Return the score interval of Wilson.

    https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval
    """
    share, weight = successes / number, _Z**2 / number
    centre = share + weight / 2
    spread = _Z * math.sqrt(share * (1 - share) / number + weight / (4 * number))
    return max(0.0, (centre - spread) / (1 + weight)), min(1.0, (centre + spread) / (1 + weight))


def counts(label: Level) -> tuple[int, int]:
    """Count the cases of a label that have at least its level (safe: a higher one), and all its cases."""
    levels = [level(case) for case in all_cases() if case.level == label.value]
    hits = sum(item > label if label is Level.SAFE else item >= label for item in levels)
    return hits, len(levels)


def table() -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| Label | Reports | 95 % confidence interval |"
    yield "|---|---|---|"
    for label, words in (
        (Level.DANGEROUS, "called dangerous"),
        (Level.ATTENTION, "called attention or dangerous"),
        (Level.SAFE, "called more than safe"),
    ):
        hits, number = counts(label)
        low, high = interval(hits, number)
        yield f"| {label} | {hits} of {number} {words} | {low:.1%} to {high:.1%} |"


if __name__ == "__main__":
    print("\n".join(table()))
