"""`slipway capacity schedule`: replicas over the day."""

import csv
import math
import statistics
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from slipway.capacity.autoscaling import settings
from slipway.capacity.plots import spark
from slipway.capacity.schedule import Service, autoscale, cost
from slipway.capacity.schedule import schedule as solve
from slipway.cli.capacity.options import seconds
from slipway.cli.console import print_json, print_table, table
from slipway.cli.options import Json
from slipway.errors import SlipwayError

DAY_S = 86400


def schedule(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV file of the load: time and value, with a header.")
    ],
    load: Annotated[
        float, typer.Option("--replica", help="The load that one replica serves, in the file's unit.")
    ],
    unmet: Annotated[
        float, typer.Option(help="Price of the load of one replica for a slot, if it is not served.")
    ] = 10.0,
    change: Annotated[float, typer.Option(help="Price of starting or stopping a replica.")] = 0.0,
    delay: Annotated[int, typer.Option(help="Slots from the order of a replica to its first request.")] = 1,
    slot: Annotated[str, typer.Option(help="Length of a slot: 5m, 15m, 1h.")] = "5m",
    least: Annotated[int, typer.Option("--min", help="Lowest number of replicas.")] = 1,
    most: Annotated[int, typer.Option("--max", help="Highest number of replicas.")] = 100,
    days: Annotated[int, typer.Option(min=1, help="The last days of the file that count.")] = 7,
    as_json: Json = False,
) -> None:
    """Find an autoscaler's target, and its lowest number of replicas for each hour of a day.

    The price of a replica for a slot is 1, and the other prices are relative to it. Each of the last days is
    equally likely to come again. The load of a slot is the highest value in it, so give the file as a rate:
    requests a second.
    """
    length = seconds(slot)
    if DAY_S % length or 3600 % length:
        raise SlipwayError(f"--slot is {slot}, but must divide an hour, as in 5m")
    service = Service(load=load, unmet=unmet, change=change, delay=delay, least=least, most=most)
    demands = by_slot(read(file), int(length), days)
    plan = solve(demands, service)
    recorded = [list(values) for values in zip(*demands, strict=True)]
    chosen = settings(recorded, service, int(3600 // length))
    peak = [service.replicas_for(max(map(max, demands)))] * len(demands)
    costs = {
        "plan": chosen.cost,
        "constant peak": cost(peak, demands, service),
        "autoscaler at 70 %": statistics.fmean(
            cost(autoscale(day, service, 0.7), [[value] for value in day], service) for day in recorded
        ),
        "best for each day, known before": statistics.fmean(
            solve([[value] for value in day], service).cost for day in recorded
        ),
    }
    window = int((chosen.hold - 1) * length)
    if as_json:
        print_json(
            {
                "minReplicas": chosen.hours,
                "averageUtilization": round(100 * chosen.target),
                "stabilizationWindowSeconds": window,
                "cost": costs,
                "replicas": plan.replicas,
            }
        )
        return
    highest = spark(range(len(demands)), [max(values) for values in demands], 0.0, 48)
    replicas = spark(range(len(demands)), [float(number) for number in plan.replicas], 0.0, 48)
    rows = [(f"{hour:02}:00", str(number)) for hour, number in enumerate(chosen.hours)]
    texts = (f"{name}: {value:.0f} replica slots a day" for name, value in costs.items())
    print_table(
        table(("HOUR", "MIN REPLICAS"), rows),
        (
            f"{highest}  the highest load",
            f"{replicas}  the best replicas without an autoscaler",
            f"target: {chosen.target:.0%} of the load of a replica",
            f"stabilizationWindowSeconds for scaling down: {window}",
            *texts,
        ),
    )


def read(file: Path) -> list[tuple[float, float]]:
    """Return the times, in seconds, and the values of a CSV file."""
    rows = []
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if number > 1 and row:
                    rows.append(_row(file, number, row))
    except (OSError, UnicodeDecodeError) as error:
        raise SlipwayError(f"{file} cannot be read: {error}") from None
    if not rows:
        raise SlipwayError(f"{file} has no load: write a header, then a time and a value on each line")
    return sorted(rows)


def _row(file: Path, number: int, row: list[str]) -> tuple[float, float]:
    try:
        time, value = datetime.fromisoformat(row[0]), float(row[1])
    except (ValueError, IndexError):
        raise SlipwayError(
            f"{file}, line {number}: {','.join(row)!r} is not a time and a number:"
            " write 2026-01-31T09:00:00,12.5"
        ) from None
    if not 0 <= value < math.inf:
        raise SlipwayError(f"{file}, line {number}: the load is {row[1]}, but must be a number from 0")
    # A time without a zone is read as it is, so that the hours of the plan are the hours of the file.
    return (time.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds(), value


def by_slot(rows: list[tuple[float, float]], length: int, days: int) -> list[list[float]]:
    """Return, for each slot of a day, the highest load of that slot on each of the last days.

    Where a day has no value for a slot, it gets the mean of the other days.
    """
    last = int(rows[-1][0] // DAY_S)
    highest: list[dict[int, float]] = [{} for _ in range(DAY_S // length)]
    for time, value in rows:
        day, rest = divmod(time, DAY_S)
        if day > last - days:
            slot = highest[int(rest // length)]
            slot[int(day)] = max(value, slot.get(int(day), 0.0))
    known = sorted({day for slot in highest for day in slot})
    means = [statistics.fmean(slot.values()) if slot else math.nan for slot in highest]
    return [
        [slot.get(day, mean) for day in known] if slot else []
        for slot, mean in zip(highest, means, strict=True)
    ]
