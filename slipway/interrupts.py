"""Ctrl-C and SIGTERM stop a command between two steps, never within one.

A terminal sends Ctrl-C to the engine, our child, as well: it cancels what it does and ends by itself.
Python's own way, an exception in the middle of whatever runs, would leave it behind.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from slipway.errors import Interrupted

_asked = threading.Event()


@contextmanager
def deferred() -> Iterator[None]:
    """Let signals wait for the next `check` while the block runs."""

    def ask(number: int, frame: FrameType | None) -> None:
        _asked.set()

    _asked.clear()
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def check() -> None:
    """Return if nobody asked to stop.

    Raises:
        Interrupted: somebody did.
    """
    if _asked.is_set():
        raise Interrupted("interrupted")


@contextmanager
def at_once() -> Iterator[None]:
    """Let Ctrl-C end the block, which waits for an answer, as `Interrupted`."""
    check()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted") from None
    finally:
        signal.signal(signal.SIGINT, before)
