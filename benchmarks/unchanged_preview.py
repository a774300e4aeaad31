"""`pulumi preview` where nothing changed: with 5, 50 and 200 resources, against an empty program's.

    eval "$(.venv/bin/python -m sandbox env)" && .venv/bin/python -m benchmarks.unchanged_preview

Four resources of five are ConfigMaps, the fifth is a Deployment without pods. Wall-clock and processor time,
the median of the rounds.
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


class Took(NamedTuple):
    """How long something took, in seconds."""

    wall: float
    processor: float


@contextmanager
def stack(environment: Mapping[str, str], count: int, directory: Path) -> Iterator[Project]:
    """A deployed stack with so many resources; destroyed at the end."""
    project = Project(directory / f"project-{count}", environment)
    project.write("__main__.py", PROGRAM)
    project.pulumi("config", "set", "count", str(count))
    project.pulumi("config", "set", "namespace", f"benchmark-{uuid.uuid4().hex[:8]}")
    try:
        project.pulumi("up", "--yes", "--skip-preview", timeout=600)
        yield project
    finally:
        project.pulumi("destroy", "--yes", "--skip-preview", timeout=600)


def preview(project: Project) -> Took:
    """One preview that finds nothing to do."""
    began, before = time.perf_counter(), _processor()
    project.pulumi("preview", "--expect-no-changes")
    return Took(time.perf_counter() - began, _processor() - before)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(directory: Path) -> dict[int, Took]:
    """The median preview for each count."""
    found = {}
    for count in COUNTS:
        with stack(os.environ, count, directory) as project:
            preview(project)
            rounds = [preview(project) for _ in range(ROUNDS)]
        found[count] = Took(*(statistics.median(column) for column in zip(*rounds, strict=True)))
    return found


def main() -> None:
    """Measure, and print the times and how they grow."""
    with tempfile.TemporaryDirectory() as directory:
        found = measure(Path(directory))
    print("resources   wall s   / empty   processor s   / empty")
    for count, took in found.items():
        wall, processor = _ratios(took, found[0])
        print(f"{count:>9} {took.wall:>8.2f} {wall:>9.2f} {took.processor:>13.2f} {processor:>9.2f}")
    wall, processor = _ratios(found[200], found[5])
    print(f"200 : 5 is {wall:.2f} wall-clock, {processor:.2f} processor; to be under 3")


def _ratios(took: Took, other: Took) -> tuple[float, float]:
    return took.wall / other.wall, took.processor / other.processor


if __name__ == "__main__":
    main()
