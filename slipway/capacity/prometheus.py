"""The use of containers from Prometheus, by PromQL over its HTTP API.

https://prometheus.io/docs/prometheus/latest/querying/api/#range-queries
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from slipway.capacity.usage import Sample, Throttling, Usage, owner_of
from slipway.errors import SlipwayError

STEP_S, SHORTEST_STEP_S, STEPS = 300, 60, 100
"""The seconds of a step: those of a long history, the fewest, and how many steps a shorter history has."""
POINTS = 10_000
"""The points of one answer; Prometheus refuses more than 11,000."""
TIMEOUT_S = 60

_CONTAINERS = 'namespace="{namespace}",container!="",container!="POD"'
QUERIES = {
    "cpu": "sum by (pod, container) (rate(container_cpu_usage_seconds_total{{{where}}}[{step}s]))",
    "memory": (
        "max by (pod, container) (max_over_time(container_memory_working_set_bytes{{{where}}}[{step}s]))"
    ),
    "throttled": (
        "sum by (pod, container) (increase(container_cpu_cfs_throttled_periods_total{{{where}}}[{step}s]))"
    ),
    "periods": "sum by (pod, container) (increase(container_cpu_cfs_periods_total{{{where}}}[{step}s]))",
    "cpu_limit": (
        'max by (pod, container) (kube_pod_container_resource_limits{{{where},resource="cpu"}}) or'
        " max by (pod, container)"
        " (container_spec_cpu_quota{{{where}}} / container_spec_cpu_period{{{where}}} > 0)"
    ),
    "memory_limit": (
        'max by (pod, container) (kube_pod_container_resource_limits{{{where},resource="memory"}}) or'
        " max by (pod, container) (container_spec_memory_limit_bytes{{{where}}} > 0)"
    ),
    "kills": "sum by (pod, container) (increase(container_oom_events_total{{{where}}}[{step}s]))",
    "requests": 'sum by (pod) (rate({requests}{{namespace="{namespace}"}}[{step}s]))',
}
"""What is asked; `rate` and `increase` handle the resets of counters.

The metrics of containers are cAdvisor's. Where a Prometheus drops its limits, kube-state-metrics has them.
"""

Series = Mapping[tuple[str, str], Mapping[float, float]]
"""Values by pod and container, then by time."""


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus server."""

    url: str
    requests: str = "http_requests_total"
    """The application's counter of requests."""

    def usages(self, namespace: str, workloads: Mapping[str, str], start: float, end: float) -> list[Usage]:
        """Return the use of the containers of workloads.

        Args:
            namespace: their namespace.
            workloads: the kind of each workload by its name.
            start: the first second.
            end: the last second.

        Raises:
            SlipwayError: the server does not answer, or not as Prometheus does.
        """
        step = step_s(end - start)
        values = {
            "namespace": namespace,
            "where": _CONTAINERS.format(namespace=namespace),
            "requests": self.requests,
            "step": step,
        }
        with httpx.Client(timeout=TIMEOUT_S) as client:
            series = {
                name: self._series(client, query.format(**values), (start, end, step))
                for name, query in QUERIES.items()
            }
        requests = _requests(series["requests"], workloads)
        found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
        for pod, container in sorted({*series["cpu"], *series["memory"]}):
            if owner := owner_of(pod, workloads):
                found[owner, container].append((pod, container))
        return [
            Usage(
                owner,
                container,
                _samples(keys, series),
                _throttling(keys, series, step),
                _kills(keys, series),
                requests.get(owner),
            )
            for (owner, container), keys in found.items()
        ]

    def _series(
        self, client: httpx.Client, query: str, window: tuple[float, float, int]
    ) -> dict[tuple[str, str], dict[float, float]]:
        found: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
        for first, last in _chunks(*window):
            parameters = {"query": query, "start": f"{first}", "end": f"{last}", "step": f"{window[2]}"}
            for item in self._ask(client, parameters):
                labels = item["metric"]
                values = {float(time): float(value) for time, value in item["values"]}
                found[labels.get("pod", ""), labels.get("container", "")].update(values)
        return found

    def _ask(self, client: httpx.Client, parameters: Mapping[str, str]) -> Sequence[Any]:
        url = f"{self.url.rstrip('/')}/api/v1/query_range"
        try:
            answer = client.post(url, data=parameters)
            body = answer.json()
            if body.get("status") != "success":
                raise SlipwayError(f"{self.url} refuses a query: {body.get('error', answer.status_code)}")
            result: Sequence[Any] = body["data"]["result"]
            return result
        except httpx.HTTPError as error:
            raise SlipwayError(f"Prometheus at {self.url} does not answer: {error}") from None
        except (ValueError, KeyError, AttributeError, TypeError):
            raise SlipwayError(
                f"{self.url} does not answer like Prometheus: give the address before /api/v1"
            ) from None


def step_s(span_s: float) -> int:
    """Return the seconds between two points of a history: a short one still has enough of them."""
    return round(min(max(span_s / STEPS, SHORTEST_STEP_S), STEP_S))


def _requests(series: Series, workloads: Mapping[str, str]) -> dict[str, float]:
    """Return the highest requests a second of each workload, of all its pods together."""
    sums: dict[str, dict[float, float]] = defaultdict(lambda: defaultdict(float))
    for (pod, _), values in series.items():
        if owner := owner_of(pod, workloads):
            for time, value in values.items():
                sums[owner][time] += value if math.isfinite(value) else 0.0
    return {owner: max(values.values()) for owner, values in sums.items()}


def _chunks(start: float, end: float, step_s: int) -> Iterator[tuple[float, float]]:
    length = step_s * POINTS
    while start <= end:
        yield start, min(start + length - step_s, end)
        start += length


def _samples(keys: Sequence[tuple[str, str]], series: Mapping[str, Series]) -> tuple[Sample, ...]:
    samples = []
    for key in keys:
        cpu, memory = series["cpu"].get(key, {}), series["memory"].get(key, {})
        samples += [Sample(time, key[0], cpu.get(time), memory.get(time)) for time in {*cpu, *memory}]
    return tuple(samples)


def _throttling(
    keys: Sequence[tuple[str, str]], series: Mapping[str, Series], step: int
) -> tuple[Throttling, ...]:
    """Return the throttling of all pods by the CPU limit that each had at that time."""
    periods: dict[float | None, float] = defaultdict(float)
    throttled: dict[float | None, float] = defaultdict(float)
    times: dict[float | None, set[float]] = defaultdict(set)
    for key in keys:
        limits, counts = series["cpu_limit"].get(key, {}), series["throttled"].get(key, {})
        for time, number in series["periods"].get(key, {}).items():
            count = counts.get(time, 0.0)
            if math.isfinite(number) and math.isfinite(count):
                limit = limits.get(time)
                periods[limit] += number
                throttled[limit] += count
                times[limit].add(time)
    return tuple(
        Throttling(limit, number, throttled[limit], len(times[limit]) * step)
        for limit, number in periods.items()
    )


def _kills(keys: Sequence[tuple[str, str]], series: Mapping[str, Series]) -> dict[float | None, int]:
    """Return the kills by the memory limit at that time, or at the nearest time that has one."""
    kills: dict[float | None, float] = defaultdict(float)
    for key in keys:
        limits = series["memory_limit"].get(key, {})
        for time, number in series["kills"].get(key, {}).items():
            if math.isfinite(number) and number > 0:
                nearest = min(limits, key=lambda other: abs(other - time), default=None)
                kills[None if nearest is None else limits[nearest]] += number
    return {limit: round(number) for limit, number in kills.items() if round(number)}
