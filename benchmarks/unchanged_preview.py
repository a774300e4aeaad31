"""The time of `pulumi preview` without a change: with 5, 50 and 200 resources, compared to none.

    eval "$(.venv/bin/sandbox env)" && python -m benchmarks.unchanged_preview

Of five resources, four are ConfigMaps and one is a Deployment without pods. Times are the median of
wall-clock and processor time.
"""

import os
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.e2e.plugins.pulumi_project import Project

ROUNDS = 5
COUNTS = (0, 5, 50, 200)
PROGRAM = """
    import pulumi
    import pulumi_kubernetes as k8s

    count, namespace = pulumi.Config().require_int("count"), pulumi.Config().require("namespace")
    if count:
        k8s.core.v1.Namespace("space", metadata={"name": namespace})
    for number in range(count - 1):
        meta = {"name": f"n{number}", "namespace": namespace, "labels": {"app": f"n{number}"}}
        if number % 5:
            k8s.core.v1.ConfigMap(f"n{number}", metadata=meta, data={"number": str(number)})
            continue
        pod = {"containers": [{"name": "c", "image": "none", "resources": {"limits": {"cpu": "0.1"}}}]}
        template = {"metadata": {"labels": meta["labels"]}, "spec": pod}
        spec = {"replicas": 0, "selector": {"match_labels": meta["labels"]}, "template": template}
        k8s.apps.v1.Deployment(f"n{number}", metadata=meta, spec=spec)
"""


class Duration(NamedTuple):
    """Wall-clock and processor time in seconds."""

    wall: float
    processor: float


@contextmanager
def stack(environment: Mapping[str, str], count: int, directory: Path) -> Iterator[Project]:
    """Yield a deployed stack with `count` resources, and destroy it at the end."""
    project = Project(directory / f"project-{count}", environment)
    project.write("__main__.py", PROGRAM)
    project.pulumi("config", "set", "count", str(count))
    project.pulumi("config", "set", "namespace", f"benchmark-{uuid.uuid4().hex[:8]}")
    try:
        project.pulumi("up", "--yes", "--skip-preview", timeout=600)
        yield project
    finally:
        project.pulumi("destroy", "--yes", "--skip-preview", timeout=600)


def preview(project: Project) -> Duration:
    """Return the time of a preview without changes."""
    began, before = time.perf_counter(), _processor()
    project.pulumi("preview", "--expect-no-changes")
    return Duration(time.perf_counter() - began, _processor() - before)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(directory: Path) -> dict[int, Duration]:
    """Return the median preview for each count."""
    durations = {}
    for count in COUNTS:
        with stack(os.environ, count, directory) as project:
            preview(project)
            rounds = [preview(project) for _ in range(ROUNDS)]
        durations[count] = Duration(*(statistics.median(column) for column in zip(*rounds, strict=True)))
    return durations


def main() -> None:
    """Measure, and print a table with ratios."""
    with tempfile.TemporaryDirectory() as directory:
        durations = measure(Path(directory))
    print("resources   wall s   / empty   processor s   / empty")
    for count, took in durations.items():
        wall, processor = _ratios(took, durations[0])
        print(f"{count:>9} {took.wall:>8.2f} {wall:>9.2f} {took.processor:>13.2f} {processor:>9.2f}")
    wall, processor = _ratios(durations[200], durations[5])
    print(f"200 : 5 is {wall:.2f} wall-clock, {processor:.2f} processor (limit: 3)")


def _ratios(took: Duration, other: Duration) -> tuple[float, float]:
    return took.wall / other.wall, took.processor / other.processor


if __name__ == "__main__":
    main()
