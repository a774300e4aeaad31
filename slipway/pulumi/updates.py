"""What Pulumi tells of a stack: its configuration, its past operations, and how one of them ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import EngineEvent


@dataclass(frozen=True)
class Run:
    """How an operation of the engine ended, and what it told on the way."""

    events: Sequence[EngineEvent] = field(repr=False)
    failure: str = ""
    """What the command printed when it failed; empty when it succeeded."""

    @property
    def succeeded(self) -> bool:
        """Whether the engine came to the end without an error or a mandatory policy's refusal."""
        return not self.failure


@dataclass(frozen=True)
class ConfigValue:
    """One configuration value."""

    value: str | None
    """None where it is a secret."""
    secret: bool


@dataclass(frozen=True)
class Update:
    """One past operation of a stack, as its backend remembers it."""

    version: int
    """Counts up from 1; 0 where the backend does not count."""
    kind: str
    """update, preview, refresh, destroy, import, …"""
    result: str
    """succeeded, failed or in-progress."""
    message: str
    started: str
    ended: str
    environment: Mapping[str, str] = field(repr=False)
    """git.head, git.author, exec.kind, …"""
    changes: Mapping[str, int]
    """Resources by operation: {"create": 2, "same": 19}."""

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Update":
        """Return an entry of `pulumi stack history --json`."""
        return cls(
            version=entry.get("version", 0),
            kind=entry["kind"],
            result=entry["result"],
            message=entry["message"],
            started=entry["startTime"],
            ended=entry.get("endTime", ""),
            environment=entry["environment"],
            changes=entry.get("resourceChanges") or {},
        )
