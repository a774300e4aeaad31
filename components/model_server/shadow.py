"""A shadow: another model that gets copies of requests, whose answers are compared and never returned."""

import json
import math
import queue
import threading
import time
import urllib.request
from collections.abc import Sequence
from typing import Any

from metrics import Metrics

WAITING = 16
"""The copies that may wait; with more, a request is not copied."""
MAX_BYTES = 65536
"""Larger requests are not copied: those that wait take memory that callers need."""
PERIOD_S = 0.02
"""The shortest time from one copy to the next: copies take little of the CPU that callers need."""
TIMEOUT_S = 5.0
TOLERANCE = 1e-4
"""The share by which numbers may differ and still agree."""


class Shadow:
    """Copies requests to another server, in a thread of its own. No caller waits for it."""

    def __init__(self, url: str, metrics: Metrics) -> None:
        """Begin; `url` is where the other model infers."""
        self._url, self._metrics = url, metrics
        self._waiting: queue.Queue[tuple[bytes, Sequence[Any]]] = queue.Queue(WAITING)
        threading.Thread(target=self._run, daemon=True).start()

    def copy(self, request: bytes, answer: Sequence[Any]) -> None:
        """Copy a request and the values of its first output, unless it is large, or too many wait."""
        try:
            if len(request) > MAX_BYTES:
                raise queue.Full
            self._waiting.put_nowait((request, answer))
        except queue.Full:
            self._metrics.shadowed("left out", 1)

    def _run(self) -> None:
        while True:
            request, answer = self._waiting.get()
            begun = time.monotonic()
            self.compare(request, answer)
            time.sleep(max(0.0, begun + PERIOD_S - time.monotonic()))

    def compare(self, request: bytes, answer: Sequence[Any]) -> None:
        """Send a copy, and count the values that agree and differ."""
        try:
            with urllib.request.urlopen(self._url, request, TIMEOUT_S) as response:  # noqa: S310 # http
                agreeing = sum(map(_agree, answer, json.load(response)["outputs"][0]["data"]))
        except Exception:  # whatever the other server answers, the thread goes on
            self._metrics.shadowed("failed", 1)
            return
        self._metrics.shadowed("same", agreeing)
        self._metrics.shadowed("other", len(answer) - agreeing)


def _agree(first: Any, second: Any) -> bool:
    if isinstance(first, float) and isinstance(second, float):
        return math.isclose(first, second, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(first == second)
