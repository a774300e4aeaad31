"""Files and mounts: atomic writes, locks, and mount points."""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.shell import run


@contextmanager
def locked(path: Path, mode: int = 0o755) -> Iterator[None]:
    """Hold a lock file, after waiting for its other holders; create its directory with `mode`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=mode)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, content: str, mode: int = 0o644) -> Path:
    """Write a file atomically, unless it has the same content."""
    if not path.exists() or path.read_text() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.touch(mode=mode)
        draft.write_text(content)
        draft.rename(path)
    return path


def write_json(path: Path, content: dict[str, Any], mode: int = 0o644) -> Path:
    """Write a JSON document, which is also YAML."""
    return write(path, json.dumps(content, indent=2) + "\n", mode)


def is_mounted(path: Path) -> bool:
    """Return whether a path is a mount point; bind mounts and files count too."""
    return str(path) in _mount_points(path)


def unmount(path: Path) -> None:
    """Unmount everything at or below a path."""
    for point in _mount_points(path):
        run("umount", point)


def _mount_points(path: Path) -> list[str]:
    """Return the mount points at or below a path, the latest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if Path(point).is_relative_to(path)]
