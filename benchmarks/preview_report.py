"""The time of `slipway preview`, compared to `pulumi preview` of the same change, in turns.

    eval "$(.venv/bin/sandbox env)" && python -m benchmarks.preview_report

The program creates 50 ConfigMaps and changes one of them.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import line

PROJECT = Path(__file__).parent.parent
ROUNDS = 7
PROGRAM = """
import json
import pathlib
import pulumi_kubernetes as k8s
text = pathlib.Path("text").read_text()
namespace = k8s.core.v1.Namespace("bench")
for number in range(50):
    value = text if number == 0 else "same"
    metadata = {"name": f"map-{number}", "namespace": namespace.metadata.name}
    k8s.core.v1.ConfigMap(f"map-{number}", metadata=metadata, data={"text": value})
"""


def run(
    command: tuple[str, ...], directory: Path, environment: dict[str, str], good: tuple[int, ...]
) -> float:
    """Run a command and return its time in seconds; exit with its output if it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in good:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return time.perf_counter() - started


def main() -> None:
    """Deploy, measure, print a table, and remove the stack."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name, "project")
        directory.mkdir()
        Path(name, "state").mkdir()
        runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": str(PROJECT / ".venv")}}
        (directory / "Pulumi.yaml").write_text(json.dumps({"name": "bench", "runtime": runtime}))
        (directory / "__main__.py").write_text(PROGRAM)
        (directory / "text").write_text("before")
        context = os.environ["BUILDX_BUILDER"]  # the sandbox has one name for both
        (directory / "Pulumi.bench.yaml").write_text(json.dumps({"config": {"kubernetes:context": context}}))
        environment = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{name}/state",
            "PYTHONPATH": str(PROJECT),
        }
        pulumi = ("pulumi", "--non-interactive", "--stack", "bench")
        run(("pulumi", "stack", "init", "bench"), directory, environment, (0,))
        run((*pulumi, "up", "--yes", "--skip-preview"), directory, environment, (0,))
        try:
            (directory / "text").write_text("after")
            measure(directory, environment, pulumi)
        finally:
            run((*pulumi, "destroy", "--yes", "--skip-preview", "--remove"), directory, environment, (0,))


def measure(directory: Path, environment: dict[str, str], pulumi: tuple[str, ...]) -> None:
    """Measure in turns, without the first round, which fills the caches."""
    contenders = {
        "pulumi preview": ((*pulumi, "preview", "--diff"), (0,)),
        "slipway preview": (
            (sys.executable, "-m", "slipway", "preview", "--stack", "bench", "--format", "markdown"),
            (2, 3),
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(ROUNDS + 1):
        for name, (command, good) in contenders.items():
            took = run(command, directory, environment, good)
            if turn:
                times[name].append(took)
    plain = statistics.median(times["pulumi preview"])
    for name, seconds in times.items():
        print(line(name, seconds, plain, "plain"))


if __name__ == "__main__":
    main()
