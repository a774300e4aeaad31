"""Values of Compose's short forms: durations, sizes, ports and volumes."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway.errors import BadSource

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PREFIXES = ("", "k", "m", "g", "t", "p")


def seconds(value: Any, path: str) -> int:
    """Return a duration in whole seconds, at least 1; raise BadSource for anything else."""
    parts = re.findall(r"([0-9.]+)(ns|us|ms|s|m|h|d|w)", str(value))
    if not parts or "".join(number + unit for number, unit in parts) != str(value):
        raise BadSource(f"{path} is {value!r}, but must be a duration: 30s, 1m30s")
    return max(1, math.ceil(sum(float(number) * _UNITS_S[unit] for number, unit in parts)))


def mebibytes(value: Any, path: str) -> int:
    """Return a size in MiB, rounded up; raise BadSource for anything else.

    Units are those of Docker: `k`, `kb` and `KiB` are all 1024 bytes.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgtp]?)i?b?", str(value).lower())
    if not match or not float(match[1]):
        raise BadSource(f"{path} is {value!r}, but must be a size: 512m, 1g")
    return math.ceil(float(match[1]) * 1024.0 ** (_PREFIXES.index(match[2]) - 2))


def cores(value: Any, path: str) -> int:
    """Return an amount of CPU in thousandths of a core; raise BadSource for anything else."""
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = 0.0
    if not amount > 0 or math.isinf(amount):
        raise BadSource(f"{path} is {value!r}, but must be a number of cores: 0.5, 2")
    return math.ceil(amount * 1000)


def count(value: Any, path: str) -> int:
    """Return a whole number; raise BadSource for anything else."""
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]+", str(value)):
        raise BadSource(f"{path} is {value!r}, but must be a whole number: 3")
    return int(value)


@dataclass(frozen=True)
class PublishedPort:
    """A port of a container, and whether clients of other machines reach it."""

    target: int
    published: str
    protocol: str
    public: bool


def port(value: Any, path: str) -> PublishedPort:
    """Read an entry of `ports`; raise BadSource for anything else.

    https://docs.docker.com/reference/compose-file/services/#ports
    """
    if isinstance(value, Mapping):
        entry = dict(value)
    else:
        match = re.fullmatch(
            r"(?:(\[[0-9a-fA-F:]+\]|[0-9.]+):(?=[0-9-]*:))?(?:([0-9-]*):)?([0-9]+)(?:-[0-9]+)?(?:/(tcp|udp|sctp))?",
            str(value).lower(),
        )
        if not match:
            raise BadSource(
                f"{path} is {str(value)!r}, but must be a port: 8000, 8080:80 or 127.0.0.1:8080:80"
            )
        entry = {"host_ip": match[1], "published": match[2], "target": match[3], "protocol": match[4]}
    target = str(entry.get("target"))
    if not target.isdecimal() or not 1 <= int(target) <= 65535:
        raise BadSource(
            f"{path} has the target {entry.get('target')!r}, but must have a port from 1 to 65535"
        )
    local = str(entry.get("host_ip") or "").startswith(("127.", "[::1", "::1"))
    published = str(entry.get("published") or "")
    return PublishedPort(int(target), published, str(entry.get("protocol") or "tcp"), not local)


def single_ports(entries: Sequence[Any]) -> list[Any]:
    """Return the entries of `ports`, those with a range as often as it has ports: Compose does the same."""
    single: list[Any] = []
    for entry in entries:
        match = re.fullmatch(r"(.*:)?(\d+)-(\d+)((?:/\w+)?)", entry) if isinstance(entry, str) else None
        if not match:
            single.append(entry)
            continue
        before, first, last, protocol = match.groups()
        published = re.fullmatch(r"(.*:)?(\d+)-(\d+):", before or "")
        for offset in range(int(last) - int(first) + 1):
            if published:
                before = f"{published[1] or ''}{int(published[2]) + offset}:"
            single.append(f"{before or ''}{int(first) + offset}{protocol}")
    return single


@dataclass(frozen=True)
class Mount:
    """A volume of a container: of the kind `volume`, `bind`, `tmpfs` or another."""

    kind: str
    source: str
    target: str
    read_only: bool
    size: Any = None


def mount(value: Any, path: str) -> Mount:
    """Read an entry of `volumes`; raise BadSource for anything else."""
    if isinstance(value, Mapping):
        entry = dict(value)
    else:
        source, target, *mode = [*_split(str(value)), ""][:3]
        entry = {"source": source, "target": target, "read_only": "ro" in mode[0].split(",")}
        entry["type"] = "bind" if source.startswith((".", "/", "~")) else "volume"
    target = str(entry.get("target") or "")
    if not target.startswith("/"):
        raise BadSource(f"{path} has the target {target!r}, but must have an absolute path: data:/srv/data")
    size = (entry.get("tmpfs") or {}).get("size")
    kind, source = str(entry.get("type") or "volume"), str(entry.get("source") or "")
    return Mount(kind, source, target.rstrip("/") or "/", bool(entry.get("read_only")), size)


def _split(text: str) -> list[str]:
    """Return source, target and mode of a short form; a target alone has no source."""
    parts = text.split(":")
    return ["", *parts] if len(parts) == 1 else parts
