"""Telling when objects have stopped changing."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass
class Settling:
    """Settled some seconds after a change that came when nothing else was being waited out.

    Times are those of one monotonic clock, in seconds.
    """

    idle_at: float | None = None
    """When to stop expecting a first change; None: never."""
    delay: float = 10.0
    """How long to wait after a change."""
    _last: Hashable = None
    _changed: bool = False
    _due: float | None = None
    _settled: bool = False

    def update(self, state: Hashable, now: float) -> bool:
        """Note the state at a time, and tell whether it has settled. `None`: nothing was seen so far."""
        if self._due is not None and now >= self._due:
            self._due, self._settled = None, True
        if state != self._last:
            self._last, self._changed, self._settled = state, True, False
            self._due = now + self.delay if self._due is None else self._due
        if not self._changed and self.idle_at is not None and now >= self.idle_at:
            self._settled = True
        return self._settled

    def next(self) -> float | None:
        """When to update again if nothing changes; None: only a change matters."""
        if self._due is not None or self._changed or self._settled:
            return self._due
        return self.idle_at
