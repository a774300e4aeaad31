"""The mounts of the machine."""

from pathlib import Path

from sandbox.shell import run


def below(path: Path) -> list[str]:
    """Return the mount points at or below a path, the latest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if Path(point).is_relative_to(path)]


def is_mounted(path: Path) -> bool:
    """Return whether a path is a mount point; bind mounts and files count too."""
    return str(path) in below(path)


def unmount(path: Path) -> None:
    """Unmount everything at or below a path."""
    for point in below(path):
        run("umount", point)
