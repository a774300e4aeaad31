"""The time of a promotion, compared to `pulumi up` of the same change, in turns.

    python -m benchmarks.promotion DIRECTORY SOURCE TARGET [ROUNDS]

SOURCE and TARGET are deployed stacks of the project in DIRECTORY that run different images. Each round
deploys the old image to TARGET with `pulumi up`, and the new one with `slipway promote`. The receipt has the
time of the verification.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path


def run(directory: Path, *command: str) -> tuple[float, str]:
    """Run a command, and return its time in seconds and its output."""
    root = Path(__file__).parent.parent
    environment = {**os.environ, "PYTHONPATH": str(root)}
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return time.monotonic() - begun, done.stdout.decode()


def main(directory: Path, source: str, target: str, rounds: int) -> None:
    """Measure, and print a table."""
    _, old = run(directory, "pulumi", "stack", "output", "image", "--stack", target)
    bare, promoted, verifying = [], [], []
    promote = (sys.executable, "-m", "slipway", "promote", source, target, "--yes", "--json")
    run(directory, *promote)
    for _ in range(rounds):
        run(directory, "pulumi", "config", "set", "image", old.strip(), "--stack", target)
        bare.append(run(directory, "pulumi", "up", "--yes", "--non-interactive", "--stack", target)[0])
        took, printed = run(directory, *promote)
        promoted.append(took)
        verifying.append(sum(check["seconds"] for check in json.loads(printed)["checks"]))
    net = [took - checks for took, checks in zip(promoted, verifying, strict=True)]
    print(f"pulumi up             {statistics.median(bare):6.1f} s  (median of {rounds})")
    print(f"promote, verified     {statistics.median(promoted):6.1f} s")
    print(f"promote, less checks  {statistics.median(net):6.1f} s")
    print(f"ratio, less checks    {statistics.median(net) / statistics.median(bare):6.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 5)
