"""Deferred signals: Ctrl-C, SIGTERM and a closed terminal stop a command between two steps, never within one.

A terminal also sends Ctrl-C to the engine, a child process, which cancels its work and ends. An exception at
any line, Python's default, would leave the engine behind.
"""

import signal
import threading
from collections.abc import Iterator
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
    before = {number: signal.signal(number, request) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check() -> None:
    """Raise if a signal has arrived.

    Raises:
        Interrupted: a signal has arrived since `deferred` began.
    """
    if _requested.is_set():
        raise Interrupted("interrupted")


@contextmanager
def at_once() -> Iterator[None]:
    """Let Ctrl-C end the block at once; for a block that waits for the user's answer."""
    check()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None
    finally:
        signal.signal(signal.SIGINT, before)
