"""The application's settings, from its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Settings:
    """The settings of the application."""

    redis_url: str
    """The Redis that keeps the counter: `redis://…`, `rediss://…` (TLS) or `unix://…`."""

    version: str
    """Shown on the page and on every log line."""

    pod: str
    """The pod or container, shown on the page."""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Read the environment.

        `REDIS_URL`, or else `REDIS_HOST` (default redis), `REDIS_PORT` (6379) and `REDIS_PASSWORD` (none);
        `APP_VERSION` (dev); `POD_NAME` (the host name).

        Raises:
            ValueError: `REDIS_PORT` is not a port.
        """
        return cls(
            redis_url=env.get("REDIS_URL") or _redis_url(env),
            version=env.get("APP_VERSION") or "dev",
            pod=env.get("POD_NAME") or os.uname().nodename,
        )


def _redis_url(env: Mapping[str, str]) -> str:
    port = env.get("REDIS_PORT") or "6379"
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        # For a Service called "redis" Kubernetes itself sets tcp://…, unless enableServiceLinks is false.
        raise ValueError(f"REDIS_PORT is {port!r}: it must be a number from 1 to 65535")
    password = env.get("REDIS_PASSWORD", "")
    login = f":{quote(password, safe='')}@" if password else ""
    return f"redis://{login}{env.get('REDIS_HOST') or 'redis'}:{port}/0"
