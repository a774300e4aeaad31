"""The processes of the machine. Each may end while it is read."""

from pathlib import Path


def process_files(file: str) -> dict[int, str]:
    """Return the content of a file below /proc/PID for each process."""
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
    for child, stat in process_files("stat").items():
        children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(child)
    found = list(children.get(pid, []))
    for process in found:
        found.extend(children.get(process, []))
    lines = process_files("cmdline")
    return sorted(found, key=lambda process: lines.get(process, ""))
