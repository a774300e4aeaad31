"""What is known while waiting, and what it amounts to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sandbox.plugins.kubernetes.awaiting.fields import owned_by
from sandbox.plugins.kubernetes.awaiting_context import Object, Severity


class Message(NamedTuple):
    """One line for the user."""

    severity: Severity
    text: str


def info(text: str) -> Message:
    """A line that tells progress."""
    return Message("info", text)


def warning(text: str) -> Message:
    """A line that tells of trouble which may pass."""
    return Message("warning", text)


@dataclass(frozen=True)
class Observed:
    """An object as last seen, with what else the API server told that bears on it."""

    object: Object
    related: Mapping[str, Sequence[Object]] = field(default_factory=dict)
    """The other objects of its namespace, by kind."""
    events: Sequence[Object] = ()
    """The Events about the object since it was last changed, oldest first."""
    settled: bool = True
    """Whether the Endpoints that matter have stopped changing (see settling.py)."""
    final: bool = False
    """Whether this is the last look: time is up, the user cancelled, or nobody waits (a refresh)."""

    def all(self, kind: str) -> Sequence[Object]:
        """Every related object of a kind."""
        return self.related.get(kind, ())

    def owned(self, kind: str) -> list[Object]:
        """The related objects of a kind that belong to the object."""
        return owned_by(self.object, self.all(kind))


@dataclass(frozen=True)
class Verdict:
    """Whether an object is ready, and what to tell the user."""

    ready: bool
    progress: Sequence[Message] = ()
    """Lines to show now. Repetitions are left out by who shows them."""
    lasting: Sequence[Message] = ()
    """Lines to show should they still hold at the next tick: each start of a Pod has such moments."""
    reasons: Sequence[str] = ()
    """Why it is not ready, as far as anything tells."""
    failed: bool = False
    """Whether waiting longer is useless."""

    def why(self) -> list[str]:
        """The sub-errors, should the wait end now: at least what was waited for."""
        return list(self.reasons) or [message.text for message in self.progress[-1:]]
