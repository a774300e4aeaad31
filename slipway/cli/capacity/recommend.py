"""`slipway capacity recommend`: requests and limits from measured use."""

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from slipway.capacity.plots import spark, svg
from slipway.capacity.prometheus import Prometheus
from slipway.capacity.recommend import Recommendation, as_quantities, containers
from slipway.capacity.recommend import recommend as size
from slipway.capacity.replicas import Scaling, rescale, scales
from slipway.capacity.sizing import Prices
from slipway.capacity.usage import Usage
from slipway.cli.capacity.measure import LEAST, History
from slipway.cli.capacity.options import Over, PrometheusUrl, Requests, measured, seconds
from slipway.cli.console import info, print_json, print_table, save, table
from slipway.cli.options import HERE, Directory, Json, Stack
from slipway.cluster.quantities import duration
from slipway.errors import SlipwayError
from slipway.page import Markup, element, fill
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

_PAGE = Path(__file__).with_name("recommend.html")
_PRICES = Prices()


def recommend(
    stack: Stack,
    prometheus: PrometheusUrl = None,
    requests: Requests = Prometheus.requests,
    over: Over = "14d",
    history: History = LEAST,
    core_hour: Annotated[float, typer.Option(help="Price of a core for an hour.")] = _PRICES.core_hour,
    gib_hour: Annotated[float, typer.Option(help="Price of a GiB of memory for an hour.")] = _PRICES.gib_hour,
    throttled_hour: Annotated[
        float,
        typer.Option(help="Price of an hour with less CPU than needed, and of each missing core in it."),
    ] = _PRICES.throttled_hour,
    kill: Annotated[
        float, typer.Option(help="Price of an hour with a kill for lack of memory.")
    ] = _PRICES.kill,
    budget: Annotated[
        float,
        typer.Option("--throttled", min=0.0, max=0.5, help="Share of time that the CPU limit may throttle."),
    ] = 0.01,
    key: Annotated[
        list[str] | None,
        typer.Option(
            help="Where the stack file has the resources of a workload: cache=redis.resources; repeatable."
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the stack file, if a preview of the result succeeds.")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Also write an HTML page with plots.")] = None,
    cwd: Directory = HERE,
    as_json: Json = False,
) -> None:
    """Recommend requests, limits and replicas for the workloads of a stack, from their measured use.

    A request has the size at which its slack and its shortages cost the least together, so the quantile of
    the use that it covers follows from the prices. Memory has the same request and limit. All prices have one
    currency; the defaults are dollars.

    Exit code: 0 every container has a proposal, 2 a container has none.
    """
    prices = Prices(core_hour, gib_hour, throttled_hour, kill)
    least, keys = seconds(history), _keys(key or ())
    snapshot = StackSnapshot.read(Project(cwd), stack)
    usages = {
        (item.workload, item.container): item for item in measured(snapshot, prometheus, requests, over)
    }
    found = [
        size(item, usages.get((item.workload, item.name)), prices, budget=budget, least_s=least)
        for item in containers([item.manifest for item in snapshot.objects])
    ]
    scalings = _scalings(snapshot, found, usages, prices)
    if html:
        save("page", page(stack, found, usages), html)
    if as_json:
        facts = {name: item.model_dump(mode="json") for name, item in scalings.items()}
        print_json([{**item.model_dump(mode="json"), "scaling": facts.get(item.workload)} for item in found])
    else:
        show(found, usages)
        show_scalings(list(scalings.values()))
    if write:
        _write(
            snapshot,
            found,
            scalings,
            {**{item.workload: (item.workload, "resources") for item in found}, **keys},
        )
    if any(item.refused for item in found):
        raise typer.Exit(2)


def _keys(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    keys = {}
    for text in texts:
        workload, separator, path = text.partition("=")
        if not (workload and separator and path):
            raise SlipwayError(f"--key is {text!r}, but must be WORKLOAD=KEY, as in cache=redis.resources")
        keys[workload] = tuple(path.split("."))
    return keys


def _scalings(
    snapshot: StackSnapshot,
    found: Sequence[Recommendation],
    usages: Mapping[tuple[str, str], Usage],
    prices: Prices,
) -> dict[str, Scaling]:
    """Return the replicas of the workloads that serve requests and have one container, by their names."""
    today = scales(snapshot.objects)
    count = Counter(item.workload for item in found)
    return {
        item.workload: rescale(
            item, usages.get((item.workload, item.container)), *today[item.workload], prices
        )
        for item in found
        if item.workload in today and count[item.workload] == 1
    }


def _write(
    snapshot: StackSnapshot,
    found: Sequence[Recommendation],
    scalings: Mapping[str, Scaling],
    keys: Mapping[str, tuple[str, ...]],
) -> None:
    """Write the proposals into the stack file; roll the file back if the program refuses them."""
    values = {}
    for item in found:
        if item.proposed and item.workload == item.container:
            first, *rest = keys[item.workload]
            first = first if ":" in first else f"{snapshot.project}:{first}"
            for path, value in as_quantities(item.proposed).items():
                values[first, *rest, *path] = value
            scaling = scalings.get(item.workload)
            if rest and scaling and scaling.proposed:  # replicas stand next to the resources
                for setting, value in scaling.proposed.settings().items():
                    values[first, *rest[:-1], *setting] = value
    file = snapshot.file
    before = file.text()
    after = file.with_values(values)
    if after == before:
        info(f"{file.path.name} has these values already")
        return
    file.write(after)
    try:
        run = snapshot.stack.preview()
        failure = run.failure_reason
    except BaseException:
        file.write(before)
        raise
    if failure:
        file.write(before)
        raise SlipwayError(
            f"{file.path.name} was not changed, because a preview with these values fails: {failure}"
        )
    info(
        "".join(
            difflib.unified_diff(
                before.splitlines(True), after.splitlines(True), "before", str(file.path), n=1
            )
        )
    )


def show(found: Sequence[Recommendation], usages: Mapping[tuple[str, str], Usage]) -> None:
    """Print a table of the proposals, then the evidence and the risks of each."""
    columns = (
        "CONTAINER", "", "CPU REQUEST", "CPU LIMIT", "MEMORY REQUEST", "MEMORY LIMIT", "SAVED A MONTH",
    )  # fmt: skip
    rows = []
    for item in found:
        rows.append((item.name, "today", *_cells(as_quantities(item.today)), ""))
        if item.proposed:
            rows.append(("", "proposed", *_cells(as_quantities(item.proposed)), f"{item.saved:.2f}"))
    console = Console()
    console.print(table(columns, rows))
    for item in found:
        console.print(f"\n{item.name}", style="bold", highlight=False, markup=False)
        for line in _evidence(item, usages.get((item.workload, item.container))):
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def show_scalings(scalings: Sequence[Scaling]) -> None:
    """Print a table of the replicas, then the risks."""
    rows = [
        (
            item.workload, str(item.today), str(item.proposed or "none"),
            f"{item.saved:.2f}" if item.proposed else "",
        )
        for item in scalings
    ]  # fmt: skip
    texts = [
        f"{item.workload}: {text}"
        for item in scalings
        for text in (
            [f"risk: {risk}" for risk in item.risks]
            if item.proposed
            else [f"no recommendation of replicas: {item.refused}"]
        )
    ]
    if rows:
        print_table(table(("WORKLOAD", "REPLICAS TODAY", "PROPOSED", "SAVED A MONTH"), rows), texts)


def _cells(values: Mapping[tuple[str, str], str]) -> list[str]:
    keys = [(side, key) for key in ("cpu", "memory") for side in ("requests", "limits")]
    return [values.get(key, "none") for key in keys]


def _evidence(item: Recommendation, usage: Usage | None) -> list[str]:
    if not item.proposed or not usage:
        return [f"no recommendation: {item.refused}", *item.notes]
    lines = [f"{duration(item.history_s)} of history, {len(usage.samples)} samples"]
    for resource, quantile in (("cpu", item.cpu_quantile), ("memory", item.memory_quantile)):
        times, values = usage.series(resource)
        plot = spark(times, values, getattr(item.today, f"{resource}_request") or 0)
        lines.append(f"{resource:6} {plot}  covers {quantile:.1%} of the measurements")
    return [
        *lines,
        *(f"risk: {risk}" for risk in item.risks),
        *item.notes,
    ]


def page(stack: str, found: Sequence[Recommendation], usages: Mapping[tuple[str, str], Usage]) -> str:
    """Return the recommendations as a self-contained HTML page."""
    sections = [_section(item, usages.get((item.workload, item.container))) for item in found]
    return fill(
        _PAGE,
        f"Capacity of {stack}",
        stack=element("h1", f"Capacity of {stack}"),
        cards=Markup("".join(sections)),
    )


def _section(item: Recommendation, usage: Usage | None) -> Markup:
    if not item.proposed or not usage:
        return element("section", element("h2", item.name), element("p", item.refused), class_="attention")
    rows = [
        element("tr", element("th", name), *(element("td", cell) for cell in _cells(as_quantities(amounts))))
        for name, amounts in (("today", item.today), ("proposed", item.proposed))
    ]
    names = ("", "CPU request", "CPU limit", "memory request", "memory limit")
    head = element("tr", *(element("th", name) for name in names))
    plots = []
    for resource in ("cpu", "memory"):
        levels = [
            (name, level)
            for name, amounts in (("today", item.today), ("proposed", item.proposed))
            if (level := getattr(amounts, f"{resource}_request")) is not None
        ]
        times, values = usage.series(resource)
        plots += [element("h3", f"{resource} over {duration(item.history_s)}"), svg(times, values, levels)]
    risks = [element("li", risk) for risk in (*item.risks, *item.notes)]
    saved = f"saves {item.saved:.2f} a month" if item.saved >= 0 else f"costs {-item.saved:.2f} more a month"
    return element(
        "section", element("h2", item.name), element("p", saved), element("table", head, *rows), *plots,
        element("ul", *risks), class_="safe",
    )  # fmt: skip
