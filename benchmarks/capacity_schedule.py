"""The day's replicas on recorded load: planned from the days before, judged on the next day.

    python -m benchmarks.capacity_schedule TRACE [--days 7] [--every 1]

TRACE is a gzipped CSV file with a header, and a time and a number of requests on each line.
A slot is five minutes. A replica serves a 50th of the highest load of the trace, and the load of a
replica that is not served costs ten replicas. A replica starts within the slot, and an autoscaler knows the
load of the slot before.
"""

import csv
import gzip
import math
import random
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from slipway.capacity.autoscaling import settings
from slipway.capacity.schedule import Service, autoscale, cost, schedule

SLOT_S, SLOTS, HOUR = 300, 288, 12
HOLD = 2
"""The autoscaler's stabilisation window for scaling down, in slots: this one and five minutes before."""
RESAMPLES = 1000


def read(trace: Path) -> dict[int, list[float]]:
    """Return the load of each slot of the days that are complete, by the number of the day."""
    days: dict[int, list[float]] = {}
    with gzip.open(trace, "rt") as file:
        rows = csv.reader(file)
        next(rows)
        for time, value in rows:
            moment = datetime.fromisoformat(time)
            day = days.setdefault(moment.toordinal(), [0.0] * SLOTS)
            day[(moment.hour * 3600 + moment.minute * 60) // SLOT_S] += float(value)
    return {day: load for day, load in days.items() if sum(value > 0 for value in load) > 0.9 * SLOTS}


def plans(
    history: Sequence[Sequence[float]], day: Sequence[float], service: Service
) -> dict[str, Sequence[int]]:
    """Return the replicas that serve on a day, by each rule.

    Only the oracle, and the settings from the same day, may look at the day.
    """
    demands = [list(values) for values in zip(*history, strict=True)]
    chosen, best = settings(history, service, HOUR), settings([day], service, HOUR)
    highest = math.ceil(1.1 * max(map(max, [*history, day])) / service.load)
    service = replace(service, most=min(service.most, highest))  # more never pays, and costs time
    planned = schedule(demands, service).replicas
    peak = min(max(math.ceil(max(map(max, history)) / service.load), service.least), service.most)
    found: dict[str, Sequence[int]] = {
        "plan alone": planned,
        "autoscaler with the chosen settings": chosen.replicas(day, service),
        "autoscaler with settings from the same day": best.replicas(day, service),
        "constant peak": [peak] * SLOTS,
    }
    for target in (0.6, 0.7, 0.8):
        found[f"autoscaler at {target:.0%}"] = autoscale(day, service, target, hold=HOLD)
    found["oracle"] = schedule([[load] for load in day], service).replicas
    return found


def main() -> None:
    """Print cost and unmet load of each rule over all days that have enough days before them."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("trace", type=Path)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--every", type=int, default=1, help="judge only every so many days")
    arguments = parser.parse_args()
    days = read(arguments.trace)
    highest = max(max(load) for load in days.values())
    service = Service(load=highest / 50, unmet=10, change=0.5, delay=0, least=1, most=60)
    costs: dict[str, list[float]] = {}
    unmet: dict[str, float] = {}
    total = 0.0
    for day in sorted(days)[:: arguments.every]:
        before = [days[day - back] for back in range(1, arguments.days + 1) if day - back in days]
        if len(before) < min(arguments.days, 7) - 1:
            continue
        total += sum(days[day])
        for name, replicas in plans(before, days[day], service).items():
            costs.setdefault(name, []).append(cost(replicas, [[load] for load in days[day]], service))
            short = (max(load - n * service.load, 0) for load, n in zip(days[day], replicas, strict=True))
            unmet[name] = unmet.get(name, 0.0) + sum(short)
    oracle = costs["oracle"]
    print(f"{arguments.trace.name}: {len(oracle)} days, planned from up to {arguments.days} days before each")
    print("rule                                               cost / oracle            unmet requests")
    for name, values in costs.items():
        ratios = []
        for seed in range(RESAMPLES):
            chance = random.Random(seed)  # noqa: S311 - not for secrets
            drawn = chance.choices(range(len(values)), k=len(values))
            ratios.append(sum(values[n] for n in drawn) / sum(oracle[n] for n in drawn))
        ratios.sort()
        low, high = ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES)]
        ratio = f"{sum(values) / sum(oracle):5.2f} ({low:.2f} to {high:.2f})"
        print(f"{name:50} {ratio}   {unmet[name] / total:8.3%}")


if __name__ == "__main__":
    main()
