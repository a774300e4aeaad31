"""The metrics of a model server, in the text format of Prometheus."""

import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the durations, in seconds."""


class Metrics:
    """Counts inferences by status, their durations, and predictions; each sample names the version."""

    def __init__(self, name: str, version: str, digest: str) -> None:
        """Begin with zero requests."""
        self._labels = f'model="{name}",version="{version}"'
        self._digest = digest
        self._lock = threading.Lock()
        self._started = time.time()
        self._statuses: Counter[int] = Counter()
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._predictions: Counter[int] = Counter()
        self._shadowed: Counter[str] = Counter()

    def count(self, status: HTTPStatus, seconds: float) -> None:
        """Count one inference."""
        with self._lock:
            self._statuses[status.value] += 1
            self._buckets[bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds

    def predicted(self, bins: Iterable[int]) -> None:
        """Count predictions by their bins."""
        with self._lock:
            self._predictions.update(bins)

    def shadowed(self, result: str, count: int) -> None:
        """Count answers of a shadow that are the same or other, and requests that failed or were left out."""
        with self._lock:
            self._shadowed[result] += count

    def text(self) -> str:
        """Return all metrics."""
        with self._lock:
            statuses, buckets, seconds = dict(self._statuses), list(self._buckets), self._seconds
            predictions, shadowed = sorted(self._predictions.items()), sorted(self._shadowed.items())
        labels = self._labels
        lines = [
            "# TYPE process_start_time_seconds gauge",
            f"process_start_time_seconds {self._started:.3f}",
            "# TYPE model_info gauge",
            f'model_info{{{labels},digest="{self._digest}"}} 1',
            "# TYPE model_requests_total counter",
            *(
                f'model_requests_total{{{labels},code="{code}"}} {count}'
                for code, count in sorted(statuses.items())
            ),
            "# TYPE model_request_seconds histogram",
        ]
        total = 0
        for bound, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
            total += count
            lines.append(f'model_request_seconds_bucket{{{labels},le="{bound}"}} {total}')
        lines += [
            f"model_request_seconds_sum{{{labels}}} {seconds:.6f}",
            f"model_request_seconds_count{{{labels}}} {total}",
        ]
        lines.append("# TYPE model_predictions_total counter")
        lines += [f'model_predictions_total{{{labels},bin="{bin_}"}} {count}' for bin_, count in predictions]
        if shadowed:
            lines.append("# TYPE model_shadow_total counter")
            lines += [
                f'model_shadow_total{{{labels},result="{result}"}} {count}' for result, count in shadowed
            ]
        return "\n".join(lines) + "\n"
