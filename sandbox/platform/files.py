"""Files and mounts: atomic writes, locks, and mount points."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from sandbox.shell import run


@contextmanager
def locked(path: Path, mode: int = 0o755) -> Iterator[None]:
    """Hold a lock file, after waiting for its other holders; create its directory with `mode`."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True, mode=mode)
        try:
            file = path.open("w")
        except FileNotFoundError:
            continue  # the directory was deleted meanwhile
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                yield
                return
        # A holder has deleted the file, and other commands lock the next one.


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def delete(directory: Path, lock: Path) -> None:
    """Delete a directory while holding its lock, which comes last: until then other commands wait."""
    for path in directory.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path != lock:
            path.unlink()
    lock.unlink()
    with suppress(OSError):  # the next command may have created its lock
        directory.rmdir()


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
