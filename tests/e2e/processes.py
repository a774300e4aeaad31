"""The machine's processes, any of which may have ended before it is looked at."""

from pathlib import Path


def told(file: str) -> dict[int, str]:
    """What a file below /proc/PID says, for each process that runs."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found[int(process.name)] = (process / file).read_text(errors="replace")
        except OSError:  # it has ended
            continue
    return found


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have, by their command lines."""
    children: dict[int, list[int]] = {}
    for child, stat in told("stat").items():
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(child)
    found = list(children.get(pid, []))
    for one in found:
        found.extend(children.get(one, []))
    lines = told("cmdline")
    return sorted(found, key=lambda one: lines.get(one, ""))
