"""Right-sizing on recorded use: fit on one week, judge on the next.

    python -m benchmarks.capacity_sizes TRACE [--vpa TARGETS] [--weeks 4]

TRACE is a file of 100 machines for a month: vm, minute, cpu_cores, cpu_used_cores, memory_mib,
memory_used_mib. TARGETS are the targets of the VPA recommender for the same weeks: first, last, vm, cpu,
memory_mib. docs/decisions/capacity.md says how they were made.

All rules are capped at what a machine has. A rule's curve is over the price of a shortage.
"""

import csv
import gzip
import hashlib
import random
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from slipway.capacity.sizing import cpu_size, memory_size

SHA256 = "14f42cc1082e3374b4ba633ec86f298658a4e20b8093694ea0bc853097a350cb"
WEEK = 7 * 24 * 60
FEWEST = 1000
"""The samples that a machine must have in a week to count."""
RESAMPLES = 500
CPU_PRICES = (0.3, 0.6, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 100, 300, 1000)
"""The price of an hour with a shortage, in core-hours."""
MEMORY_PRICES = (0.3, 1, 3, 6, 10, 15, 20, 30, 45, 60, 90, 130, 200, 300, 500, 1000, 3000)
"""The price of an hour with a shortage, in GiB-hours."""


@dataclass(frozen=True)
class Week:
    """The samples of one machine in one week; memory in GiB."""

    cpu: list[float]
    memory: list[float]
    hourly_peaks: list[float]
    cores: float
    gib: float


@dataclass(frozen=True)
class Case:
    """One machine, the week that a rule may see, and the week that judges it."""

    vm: str
    number: int
    fit: Week
    test: Week


@dataclass(frozen=True)
class Score:
    """What a size meant for one case: means over the time of the test week."""

    vm: str
    slack: float
    use: float
    time: float
    """The share of time with a shortage."""
    unmet: float

    @classmethod
    def from_size(cls, vm: str, size: float, used: Sequence[float]) -> "Score":
        """Return the score of a size."""
        count = len(used)
        return cls(
            vm,
            sum(max(size - use, 0) for use in used) / count,
            sum(used) / count,
            sum(use > size for use in used) / count,
            sum(max(use - size, 0) for use in used) / count,
        )


Figures = tuple[float, float, float, float]
"""Slack and unmet use as shares of the use, the share of machines with a shortage, the share of time."""


def figures(scores: Sequence[Score]) -> Figures:
    """Return slack / use, machines with a shortage, time with a shortage, unmet / use."""
    use, count = sum(score.use for score in scores), len(scores)
    return (
        sum(score.slack for score in scores) / use,
        sum(score.time > 0 for score in scores) / count,
        sum(score.time for score in scores) / count,
        sum(score.unmet for score in scores) / use,
    )


def read(trace: Path, weeks: int) -> list[Case]:
    """Return the cases of the first weeks of a trace; later rows are not read."""
    if hashlib.sha256(trace.read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{trace} is not the trace that the figures were measured on")
    rows: dict[tuple[str, int], list[tuple[float, ...]]] = defaultdict(list)
    with gzip.open(trace, "rt") as file:
        for row in csv.DictReader(file):
            minute = int(row["minute"])
            if minute < weeks * WEEK:
                values = (minute, *(float(row[key]) for key in list(row)[2:]))
                rows[row["vm"], minute // WEEK].append(values)
    found = {key: _week(sorted(values)) for key, values in rows.items() if len(values) >= FEWEST}
    return [
        Case(vm, number, found[vm, number], found[vm, number + 1])
        for vm, number in found
        if (vm, number + 1) in found
    ]


def _week(rows: Sequence[tuple[float, ...]]) -> Week:
    peaks: dict[int, float] = {}
    for row in rows:
        hour = int(row[0] // 60)
        peaks[hour] = max(peaks.get(hour, 0.0), row[4] / 1024)
    return Week(
        [row[2] for row in rows],
        [row[4] / 1024 for row in rows],
        list(peaks.values()),
        rows[-1][1],
        rows[-1][3] / 1024,
    )


Rule = Callable[[Case], float]


def rules(resource: str, targets: dict[tuple[str, int], tuple[float, float]]) -> dict[str, Rule]:
    """Return the rules that ours is compared with."""
    cpu = resource == "cpu"

    def used(week: Week) -> list[float]:
        return week.cpu if cpu else week.memory

    found: dict[str, Rule] = {
        "as provisioned": lambda case: case.fit.cores if cpu else case.fit.gib,
        "constant peak": lambda case: max(used(case.fit)),
        "KRR: CPU p95" if cpu else "KRR: peak + 15 %": lambda case: (
            sorted(case.fit.cpu)[int(0.95 * len(case.fit.cpu))] if cpu else 1.15 * max(case.fit.memory)
        ),
        "oracle: next peak": lambda case: max(used(case.test)),
    }
    if targets:
        found["VPA 1.8.1"] = lambda case: targets[case.vm, case.number][0 if cpu else 1]
    return found


def scores(cases: Sequence[Case], resource: str, rule: Rule) -> list[Score]:
    """Return the scores of a rule, capped at what the machines have."""
    cpu = resource == "cpu"
    return [
        Score.from_size(
            case.vm,
            min(rule(case), max(case.fit.cores, max(case.fit.cpu)) if cpu else case.fit.gib),
            case.test.cpu if cpu else case.test.memory,
        )
        for case in cases
    ]


def ours(resource: str, price: float) -> Rule:
    """Return our rule at a price of a shortage."""
    if resource == "cpu":
        return lambda case: cpu_size(case.fit.cpu, 1.0, price).amount
    return lambda case: memory_size(case.fit.hourly_peaks, 1.0, price, most=case.fit.gib).amount


def at_equal(curve: Sequence[Figures], key: int, value: float, wanted: int) -> float | None:
    """Return a figure where the curve has a value of another figure, on the line between its points."""
    for first, second in pairwise(curve):
        low, high = sorted((first[key], second[key]))
        if low <= value <= high and high > low:
            share = (value - first[key]) / (second[key] - first[key])
            return first[wanted] + share * (second[wanted] - first[wanted])
    return None


def resampled(scored: Sequence[Sequence[Score]], seed: int) -> list[Figures]:
    """Return the figures of several rules over the same machines, drawn with replacement."""
    random_ = random.Random(seed)  # noqa: S311 - not for secrets
    names = sorted({score.vm for score in scored[0]})
    drawn = random_.choices(names, k=len(names)) if seed else names
    result = []
    for rule in scored:
        by_name: dict[str, list[Score]] = defaultdict(list)
        for score in rule:
            by_name[score.vm].append(score)
        result.append(figures([score for name in drawn for score in by_name[name]]))
    return result


def compare(
    resource: str, cases: Sequence[Case], targets: dict[tuple[str, int], tuple[float, float]]
) -> None:
    """Print the figures of all rules, and ours at equal shortage and at equal slack."""
    prices = CPU_PRICES if resource == "cpu" else MEMORY_PRICES
    curve = [scores(cases, resource, ours(resource, price)) for price in prices]
    others = {name: scores(cases, resource, rule) for name, rule in rules(resource, targets).items()}
    shortage = 2 if resource == "cpu" else 1
    print(f"\n{resource}: {len(cases)} weeks of {len({case.vm for case in cases})} machines")
    print("rule                 slack/use  machines short  time short  unmet/use")
    named = [(f"ours at {price:g}", rule) for price, rule in zip(prices, curve, strict=True)]
    for name, rule in [*named, *others.items()]:
        slack, machines, time, unmet = figures(rule)
        print(f"{name:20} {slack:9.3f} {machines:15.1%} {time:11.2%} {unmet:10.2%}")
    draws = [resampled([*curve, *others.values()], seed) for seed in range(RESAMPLES + 1)]
    label = "time short" if resource == "cpu" else "machines short"
    print(
        f"\nours next to each rule, with 95 % intervals over machines:"
        f" slack at equal {label}, {label} at equal slack"
    )
    for position, name in enumerate(others):
        row = [f"{name:20}"]
        for key, wanted in ((shortage, 0), (0, shortage)):
            ratios = []
            for draw in draws:
                rival = draw[len(prices) + position]
                value = at_equal(draw[: len(prices)], key, rival[key], wanted)
                if value is not None and rival[wanted]:
                    ratios.append(value / rival[wanted])
            row.append(_interval(ratios) if len(ratios) > RESAMPLES / 2 else "not on the curve".ljust(24))
        print("  ".join(row))


def _interval(ratios: Sequence[float]) -> str:
    ordered = sorted(ratios[1:])
    low, high = ordered[int(0.025 * len(ordered))], ordered[int(0.975 * len(ordered))]
    return f"x {ratios[0]:.2f} ({low:.2f} to {high:.2f})".ljust(24)


def main() -> None:
    """Run the comparison."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--vpa", type=Path)
    parser.add_argument("--weeks", type=int, default=4)
    arguments = parser.parse_args()
    targets: dict[tuple[str, int], tuple[float, float]] = {}
    if arguments.vpa:
        with arguments.vpa.open() as file:
            for row in csv.DictReader(file):
                key = row["vm"], int(row["first"]) // WEEK
                targets[key] = float(row["cpu"]), float(row["memory_mib"]) / 1024
    cases = read(arguments.trace, arguments.weeks)
    for resource in ("cpu", "memory"):
        compare(resource, cases, targets)


if __name__ == "__main__":
    main()
