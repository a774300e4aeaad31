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


def runs_on_docker(project: str, config: Mapping[str, ConfigValue]) -> bool:
    """Return whether a stack of the project runs on a Docker engine instead of a cluster."""
    runtime = config.get(f"{project}:runtime")
    return runtime is not None and runtime.value == "docker"


@dataclass(frozen=True)
class Update:
    """A past operation of a stack."""

    kind: str
    """update, preview, refresh, destroy, import, …"""
    result: str
    """succeeded, failed or in-progress."""
    started: str
    ended: str
    environment: Mapping[str, str] = field(repr=False)
    """git.head, git.author, exec.kind, …"""

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Update":
        """Parse an entry of `pulumi stack history --json`."""
        return cls(
            kind=entry["kind"],
            result=entry["result"],
            started=entry["startTime"],
            ended=entry.get("endTime", ""),
            environment=entry["environment"],
        )
