"""Signals: Ctrl-C, SIGTERM and a closed terminal stop a command between two steps, never within a step.

A terminal also sends Ctrl-C to the engine, a child process, which cancels its work and ends. An exception at
any line, Python's default, would leave the engine behind.
"""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from slipway.errors import Interrupted

_requested = threading.Event()
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def deferred() -> Iterator[None]:
    """Defer signals until the next `check` while the block runs."""

    def request(number: int, frame: FrameType | None) -> None:
        _requested.set()

    _requested.clear()
    with _handled_by(request):
        yield


def check() -> None:
    """Raise Interrupted if a signal has arrived since `deferred` began."""
    if _requested.is_set():
        raise Interrupted("interrupted")


@contextmanager
def at_once() -> Iterator[None]:
    """Let a signal end the block at once; for a block that waits for the user's answer."""
    check()
    with _handled_by(signal.default_int_handler):
        try:
            yield
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def exit_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that a command ends and deletes what it has started."""

    def stop(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
