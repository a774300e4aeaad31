"""The counter in Redis, which copes with an outage of Redis."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import redis
from prometheus_client import Counter
from redis.backoff import NoBackoff
from redis.retry import Retry

log = logging.getLogger(__name__)
redis_errors = Counter("redis_errors_total", "Redis commands that failed or timed out")

TIMEOUT = 0.25
"""Seconds that a connection attempt, or an answer, may take."""

PAUSE = 1.0
"""Seconds without requests after a failure: an outage must not tie up the worker threads."""

T = TypeVar("T")


class Unavailable(Exception):
    """Redis does not answer, or did not answer a moment ago."""


class HitStore:
    """A counter that survives the pods. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        # One retry, at once: a pooled connection may have died with the Redis before this one.
        self._client = redis.Redis.from_url(
            url,
            socket_connect_timeout=TIMEOUT,
            socket_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1),
        )
        self._probe = threading.Lock()
        self._failed_at: float | None = None

    def hit(self) -> int:
        """Count one visit and return the number of visits so far.

        Raises:
            Unavailable: Redis does not answer.
        """
        return self._ask(lambda: int(self._client.incr("hits")))

    def ping(self) -> None:
        """Check that Redis answers.

        Raises:
            Unavailable: Redis does not answer.
        """
        self._ask(lambda: bool(self._client.ping()))

    def _ask(self, command: Callable[[], T]) -> T:
        """Run the command; during an outage, one thread at a time tries, once per PAUSE."""
        if self._failed_at is None:
            return self._run(command)
        if time.monotonic() - self._failed_at < PAUSE or not self._probe.acquire(blocking=False):
            raise Unavailable
        try:
            return self._run(command)
        finally:
            self._probe.release()

    def _run(self, command: Callable[[], T]) -> T:
        try:
            answer = command()
        except redis.RedisError as error:
            redis_errors.inc()
            if self._failed_at is None:
                log.warning("Redis is unavailable", extra={"error": str(error)})
            self._failed_at = time.monotonic()
            raise Unavailable from error
        if self._failed_at is not None:
            log.info("Redis is back")
        self._failed_at = None
        return answer
