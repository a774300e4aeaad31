"""What is mounted where."""

from pathlib import Path

from sandbox.shell import run


def below(path: Path) -> list[str]:
    """The mount points at or below a path, the latest first."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [point for point in reversed(points) if Path(point).is_relative_to(path)]


def is_mounted(path: Path) -> bool:
    """Whether something is mounted at a path: a bind of the same file system, and a file, count too."""
    return str(path) in below(path)


def unmount(path: Path) -> None:
    """Undo every mount at or below a path."""
    for point in below(path):
        run("umount", point)
