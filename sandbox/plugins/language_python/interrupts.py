"""Waiting for SIGINT in a process with many threads."""

import select
import signal
import socket


class Interrupts:
    """Knows of every SIGINT from its making on; to be made by the main thread.

    A lock or an Event would leave the main thread asleep where the kernel gives the signal to another
    thread: Python runs handlers in the main thread alone, once something else has woken it.
    """

    def __init__(self) -> None:
        self._received, self._sending = socket.socketpair()
        self._sending.setblocking(False)
        signal.set_wakeup_fd(self._sending.fileno())
        signal.signal(signal.SIGINT, lambda *_: None)

    def wait(self, seconds: float) -> bool:
        """Wait for a SIGINT, and tell whether there was one in time."""
        return bool(select.select([self._received], [], [], seconds)[0])
