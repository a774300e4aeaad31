"""Pulumi's records of a stack: configuration values and past updates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ConfigValue:
    """A configuration value."""

    value: str | None
    """None for a secret."""
    secret: bool


@dataclass(frozen=True)
class Update:
    """A past operation of a stack."""

    version: int
    """The number of the operation, from 1; 0 if the backend does not number operations."""
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
    """The number of resources for each operation: {"create": 2, "same": 19}."""

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Update":
        """Parse an entry of `pulumi stack history --json`."""
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
