"""`slipway capacity measure`: the use of a stack's containers."""

from collections.abc import Iterator
from typing import Annotated

import typer

from slipway.capacity import sampling
from slipway.capacity.plots import spark
from slipway.capacity.prometheus import Prometheus
from slipway.capacity.usage import Usage, refusal
from slipway.cli.capacity.options import Over, PrometheusUrl, Requests, measured, seconds
from slipway.cli.console import info, print_json, print_table, table
from slipway.cli.options import HERE, Directory, Json, Stack
from slipway.cluster.objects import live_objects
from slipway.cluster.quantities import cpu, duration, memory
from slipway.cluster.rollout import workloads
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

LEAST = "1d"
"""The default of the shortest history."""
History = Annotated[str, typer.Option("--history", help="The shortest history that is enough: 20m, 7d.")]


def measure(
    stack: Stack,
    prometheus: PrometheusUrl = None,
    requests: Requests = Prometheus.requests,
    over: Over = "14d",
    duration_: Annotated[
        str, typer.Option("--for", help="How long to sample the metrics API: 1s for one sample, 20m.")
    ] = "1s",
    every: Annotated[str, typer.Option(help="The time between two samples.")] = "15s",
    history: History = LEAST,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Measure the use of a stack's containers, and print how much history there is.

    With --prometheus, the history is read from there, and nothing is stored. Without, samples of the metrics
    API are appended to .slipway/usage-STACK.jsonl, which grows from run to run.

    Exit code: 0 the history is enough to recommend, 2 it is not.
    """
    least, wait, interval = seconds(history), seconds(duration_), seconds(every)
    snapshot = StackSnapshot.read(Project(cwd), stack)
    if prometheus is None:
        file = sampling.file_of(snapshot.stack.project.directory, snapshot.name)
        live = live_objects(snapshot.cluster, workloads(snapshot.objects))
        count = sampling.record(file, snapshot.cluster, list(live.values()), wait, interval)
        if not as_json:
            info(f"{count} samples were appended to {file}")
    usages = measured(snapshot, prometheus, requests, over)
    if as_json:
        print_json([_facts(usage, least) for usage in usages])
    else:
        show(usages, least)
    if not usages or any(refusal(usage, least) for usage in usages):
        raise typer.Exit(2)


def _facts(usage: Usage, least: float) -> dict[str, object]:
    return {
        "workload": usage.workload,
        "container": usage.container,
        "samples": len(usage.samples),
        "history_s": usage.span_s,
        "cpu_peak": max(usage.cpu, default=None),
        "memory_peak": max(usage.peaks(), default=None),
        "throttled": usage.throttled,
        "throttling": [
            {"limit": item.limit, "share": item.throttled / item.periods, "seconds": item.seconds}
            for item in usage.throttling
            if item.periods
        ],
        "kills": sum(usage.kills.values()),
        "requests_per_second_peak": usage.requests,
        "leak_bytes_per_hour": usage.leak(),
        "notes": usage.notes,
        "refused": refusal(usage, least) or "",
    }


def show(usages: list[Usage], least: float) -> None:
    """Print a table with a row for each container, and what is wrong with its history."""
    columns = (
        "CONTAINER", "HISTORY", "SAMPLES", "CPU, PEAK", "MEMORY, PEAK", "THROTTLED", "KILLS",
        "REQUESTS/S, PEAK", "CPU OVER TIME",
    )  # fmt: skip
    print_table(table(columns, map(_cells, usages)), _problems(usages, least))


def _cells(usage: Usage) -> tuple[str, ...]:
    times, values = usage.series("cpu")
    return (
        usage.name,
        duration(usage.span_s),
        str(len(usage.samples)),
        cpu(max(usage.cpu, default=0)),
        memory(max(usage.peaks(), default=0)),
        "unknown" if usage.throttled is None else f"{usage.throttled:.1%}",
        str(sum(usage.kills.values())),
        "unknown" if usage.requests is None else f"{usage.requests:.1f}",
        spark(times, values, 0.0, 24) if times else "",
    )


def _problems(usages: list[Usage], least: float) -> Iterator[str]:
    for usage in usages:
        leak = usage.leak()
        texts = [
            *usage.notes,
            refusal(usage, least),
            f"memory grows by {memory(leak)} an hour" if leak else None,
        ]
        yield from (f"{usage.name}: {text}" for text in texts if text)
    if not usages:
        yield "Nothing was measured: the stack has no running workloads."
