"""What `pulumi preview` and `pulumi up` take when nothing has changed, against a program without resources.

    eval "$(.venv/bin/python -m sandbox env)" && .venv/bin/python -m benchmarks.no_change

Both programs run in the same virtual environment and take turns.
"""

import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import line
from benchmarks.stacks import Stack

ROUNDS = 7
COMMANDS = {"preview": ("pulumi", "preview"), "up": ("pulumi", "up", "--yes", "--skip-preview")}


def measure(stacks: dict[str, Stack]) -> dict[tuple[str, str], list[float]]:
    """Let them take turns; the first round, in which caches fill, does not count."""
    times: dict[tuple[str, str], list[float]] = {(c, s): [] for c in COMMANDS for s in stacks}
    for turn in range(ROUNDS + 1):
        for command, stack in times:
            started = time.perf_counter()
            stacks[stack].run(*COMMANDS[command])
            if turn:
                times[command, stack].append(time.perf_counter() - started)
        print(f"  round {turn} of {ROUNDS}", file=sys.stderr)
    return times


def main() -> None:
    """Deploy, measure, print a table, and remove everything again."""
    suffix = secrets.token_hex(2)
    with tempfile.TemporaryDirectory() as directory:
        stacks = {name: Stack(f"bench{name}{suffix}", Path(directory, name)) for name in ("empty", "program")}
        try:
            stacks["program"].create()
            stacks["empty"].create(program="")
            times = measure(stacks)
        finally:
            for stack in stacks.values():
                stack.destroy()
    for command in COMMANDS:
        floor = statistics.median(times[command, "empty"])
        for name in stacks:
            print(line(f"{command} {name}", times[command, name], floor, "empty"))


if __name__ == "__main__":
    main()
