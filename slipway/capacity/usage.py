"""The measured use of containers: samples, what is wrong with them, and what they are good for."""

import math
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from slipway.cluster.quantities import duration

HOUR_S = 3600.0
FUTURE_S = 300.0
"""How far a sample's clock may be ahead."""
LARGEST_CPU = 1024.0
"""Cores of one container; more is a wrong unit."""
SMALLEST_MEMORY, LARGEST_MEMORY = 2.0**16, 2.0**46
"""Bytes of one running container; less or more is a wrong unit."""
COVERED = 0.5
"""The share of the history that samples must cover."""
FEWEST = 12
"""The number of samples, and of intervals with memory peaks, below which a distribution has no shape."""
LEAK_GROWTH, LEAK_ORDER = 0.2, 0.8
"""Memory leaks if it grows by this share of its median, and almost every interval is above those before."""


def full_name(workload: str, container: str) -> str:
    """Return workload and container, or one of them if they are the same."""
    return workload if workload == container else f"{workload}/{container}"


@dataclass(frozen=True)
class Sample:
    """The use of one container of one pod at one time."""

    time: float
    """Seconds since 1970."""
    pod: str
    cpu: float | None
    """Cores, the mean since the sample before."""
    memory: float | None
    """Bytes of the working set, the peak since the sample before where the source has it."""


@dataclass(frozen=True)
class Throttling:
    """How often the scheduler throttled a container while it had one CPU limit."""

    limit: float | None
    """Cores; None if the source does not have the limit."""
    periods: float
    """The scheduler's periods in which it ran."""
    throttled: float
    """Those in which it was throttled."""
    seconds: float
    """How long that was measured."""


@dataclass(frozen=True)
class Usage:
    """The samples of the container of a workload, over all its pods."""

    workload: str
    container: str
    samples: tuple[Sample, ...]
    throttling: tuple[Throttling, ...] = ()
    """How often it was throttled, once for each CPU limit that it had."""
    kills: Mapping[float | None, int] = field(default_factory=dict)
    """How often it was killed for lack of memory, by its limit at that time in bytes; None if unknown."""
    requests: float | None = None
    """The highest requests a second of all pods together; None if they were not measured."""
    notes: tuple[str, ...] = ()
    """What was left out of the samples, and why."""

    @property
    def name(self) -> str:
        """Workload and container, or one of them if they are the same."""
        return full_name(self.workload, self.container)

    @property
    def throttled(self) -> float | None:
        """The share of the scheduler's periods in which it was throttled; None if it was not measured."""
        periods = sum(item.periods for item in self.throttling)
        return sum(item.throttled for item in self.throttling) / periods if periods else None

    def throttled_by_limit(self, least_s: float = 0) -> dict[float, float]:
        """Return the share of throttled periods for each known CPU limit that was measured long enough."""
        return {
            item.limit: item.throttled / item.periods
            for item in self.throttling
            if item.limit is not None and item.periods and item.seconds >= least_s
        }

    @property
    def span_s(self) -> float:
        """The seconds from the first to the last sample."""
        return self.samples[-1].time - self.samples[0].time if self.samples else 0.0

    @property
    def cpu(self) -> list[float]:
        """The cores of all samples."""
        return self.series("cpu")[1]

    def series(self, resource: str) -> tuple[list[float], list[float]]:
        """Return the times and the values of the samples that have `cpu` or `memory`."""
        pairs = [(sample.time, getattr(sample, resource)) for sample in self.samples]
        known = [(time, value) for time, value in pairs if value is not None]
        return [time for time, _ in known], [value for _, value in known]

    def interval_s(self) -> float:
        """The length of the intervals whose memory peaks count: an hour, or a 24th of a shorter history."""
        return min(HOUR_S, max(self.span_s / 24, 1.0))

    def peaks(self) -> list[float]:
        """Return the highest memory of each pod in each interval."""
        return [peak for peaks in self._peaks_by_pod().values() for peak in peaks]

    def _peaks_by_pod(self) -> dict[str, list[float]]:
        peaks: dict[str, dict[int, float]] = defaultdict(dict)
        length = self.interval_s()
        for sample in self.samples:
            if sample.memory is not None:
                number = int(sample.time // length)
                peaks[sample.pod][number] = max(sample.memory, peaks[sample.pod].get(number, 0.0))
        return {pod: list(values.values()) for pod, values in peaks.items()}

    def leak(self) -> float | None:
        """Return by how many bytes an hour the memory of a pod grows without an end; None if it does not.

        It grows without an end if almost every later interval has a higher peak than almost every earlier one
        (Kendall's tau), also in the second half alone, and the growth is large. The rate is the median of the
        slopes (Theil and Sen).
        """
        rates = [
            statistics.median(_slopes(peaks)) * HOUR_S / self.interval_s()
            for peaks in self._peaks_by_pod().values()
            if len(peaks) >= FEWEST and _grows(peaks) and _order(peaks[len(peaks) // 2 :]) >= LEAK_ORDER
        ]
        return max(rates, default=None)


def _grows(peaks: Sequence[float]) -> bool:
    quarter = len(peaks) // 4
    first, last = statistics.median(peaks[:quarter]), statistics.median(peaks[-quarter:])
    return last - first >= LEAK_GROWTH * statistics.median(peaks) and _order(peaks) >= LEAK_ORDER


def _thinned(peaks: Sequence[float]) -> Sequence[float]:
    return peaks[:: max(len(peaks) // 100, 1)]


def _order(peaks: Sequence[float]) -> float:
    """Return Kendall's tau of the peaks with time."""
    values = _thinned(peaks)
    pairs = [(a, b) for index, a in enumerate(values) for b in values[index + 1 :]]
    return sum((b > a) - (b < a) for a, b in pairs) / len(pairs)


def _slopes(peaks: Sequence[float]) -> list[float]:
    values, step = _thinned(peaks), max(len(peaks) // 100, 1)
    return [
        (values[later] - values[earlier]) / ((later - earlier) * step)
        for earlier in range(len(values))
        for later in range(earlier + 1, len(values))
    ]


def clean(usage: Usage, now: float) -> Usage:
    """Return the usage in the order of time, without the samples that cannot be right, which it notes."""
    dropped: Counter[str] = Counter()
    kept: dict[tuple[str, float], Sample] = {}
    for sample in usage.samples:
        reason = _problem(sample, now)
        if reason is None and (sample.pod, sample.time) in kept:
            reason = "repeated"
        if reason:
            dropped[reason] += 1
        else:
            kept[sample.pod, sample.time] = sample
    samples = tuple(sorted(kept.values(), key=lambda sample: sample.time))
    notes = [f"{count} {'sample' if count == 1 else 'samples'} {why}" for why, count in dropped.items()]
    return replace(usage, samples=samples, notes=(*usage.notes, *notes))


def _problem(sample: Sample, now: float) -> str | None:
    values = [value for value in (sample.cpu, sample.memory) if value is not None]
    if not values or not all(map(math.isfinite, (*values, sample.time))):
        return "not a number"
    if min(values) < 0:
        return "negative, as after a counter's reset"
    if sample.time > now + FUTURE_S or sample.time <= 0:
        return "from the future or before 1970: a clock was wrong"
    return None


def refusal(usage: Usage, least_s: float) -> str | None:
    """Return why nothing can be recommended from this history; None if it is enough."""
    cpu, peaks = usage.cpu, usage.peaks()
    gap = _covered(usage)
    if not usage.samples:
        return "there are no samples: `slipway capacity measure` collects them"
    if usage.span_s < least_s:
        return (
            f"the history covers {duration(usage.span_s)}, but must cover {duration(least_s)}:"
            " measure longer, or lower --history"
        )
    if min(len(cpu), len(peaks)) < FEWEST:
        return (
            f"there are {len(cpu)} samples of CPU and {len(peaks)} intervals with memory, but must be"
            f" {FEWEST} of each: measure longer"
        )
    if gap < COVERED:
        return f"samples cover {gap:.0%} of the history, but must cover {COVERED:.0%}: close the gaps"
    if max(cpu) > LARGEST_CPU:
        return f"a sample has {max(cpu):.0f} cores: the unit must be cores, not millicores"
    if not SMALLEST_MEMORY <= max(peaks) <= LARGEST_MEMORY:
        return f"the highest memory is {max(peaks):.0f} bytes: the unit must be bytes"
    if max(cpu) == 0:
        return "it used no CPU at all: it does not run, or the source does not measure it"
    return None


def _covered(usage: Usage) -> float:
    """Return the share of the history's intervals that have samples."""
    if usage.span_s <= 0:
        return 0.0
    length = usage.interval_s()
    numbers = {int(sample.time // length) for sample in usage.samples}
    return len(numbers) / (max(numbers) - min(numbers) + 1)


def owner_of(pod: str, workloads: Mapping[str, str]) -> str | None:
    """Return the workload that a pod's name belongs to, which may be gone; the longest name wins."""
    suffixes = {"Deployment": r"-[a-z0-9]+-[a-z0-9]{5}", "StatefulSet": r"-\d+", "DaemonSet": "-[a-z0-9]{5}"}
    for name in sorted(workloads, key=len, reverse=True):
        if re.fullmatch(re.escape(name) + suffixes[workloads[name]], pod):
            return name
    return None
