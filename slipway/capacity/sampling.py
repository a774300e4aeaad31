"""The use of containers from the metrics API, in a file that grows from run to run.

The metrics API keeps only the latest sample, so this module asks repeatedly. A line of the file is one
sample, as JSON. https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/
"""

import json
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from slipway.capacity.usage import Sample, Usage, owner_of
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.quantities import amount
from slipway.cluster.rollout import pods_of
from slipway.errors import SlipwayError

DIRECTORY = ".slipway"


def file_of(project: Path, stack: str) -> Path:
    """Return the file of the samples of a stack."""
    return project / DIRECTORY / f"usage-{stack.replace('/', '-')}.jsonl"


def sample(cluster: Cluster, workloads: Sequence[Object]) -> list[dict[str, Any]]:
    """Return the latest sample of each container of live workloads, as lines of the file.

    Raises:
        SlipwayError: the cluster has no metrics API.
    """
    lines: list[dict[str, Any]] = []
    metrics: dict[str, dict[str, Object]] = {}
    for workload in workloads:
        namespace, name = workload["metadata"]["namespace"], workload["metadata"]["name"]
        if namespace not in metrics:
            metrics[namespace] = pod_metrics(cluster, namespace)
        for pod in pods_of(cluster, workload):
            measured = metrics[namespace].get(pod["metadata"]["name"])
            if measured:
                lines += _lines(name, pod, measured)
    return lines


def pod_metrics(cluster: Cluster, namespace: str) -> dict[str, Object]:
    """Return what the metrics API has about the pods of a namespace, by their names."""
    try:
        text = cluster.kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods")
    except SlipwayError as error:
        raise SlipwayError(
            f"the cluster has no metrics API ({error}): install metrics-server, or pass --prometheus URL"
        ) from None
    return {item["metadata"]["name"]: item for item in json.loads(text)["items"]}


def current_use(
    cluster: Cluster, namespace: str, workloads: Mapping[str, str]
) -> dict[str, tuple[int, float, float]]:
    """Return the pods, the cores and the bytes of each workload of a namespace, from the latest samples.

    `workloads` has the kind of each workload by its name.

    Raises:
        SlipwayError: the cluster has no metrics API.
    """
    found: dict[str, tuple[int, float, float]] = {}
    for name, measured in pod_metrics(cluster, namespace).items():
        if owner := owner_of(name, workloads):
            pods, cores, size = found.get(owner, (0, 0.0, 0.0))
            usages = [container["usage"] for container in measured["containers"]]
            cores += sum(amount(usage.get("cpu")) for usage in usages)
            size += sum(amount(usage.get("memory")) for usage in usages)
            found[owner] = pods + 1, cores, size
    return dict(sorted(found.items()))


def _lines(workload: str, pod: Object, measured: Object) -> Iterator[dict[str, Any]]:
    ends = {
        status["name"]: status.get("lastState", {}).get("terminated", {})
        for status in pod["status"].get("containerStatuses", ())
    }
    limits = {
        container["name"]: ((container.get("resources") or {}).get("limits") or {}).get("memory")
        for container in pod["spec"]["containers"]
    }
    for container in measured["containers"]:
        usage, limit = container["usage"], limits.get(container["name"])
        end = ends.get(container["name"], {})
        yield {
            "time": measured["timestamp"],
            "workload": workload,
            "container": container["name"],
            "pod": pod["metadata"]["name"],
            "cpu": amount(usage.get("cpu")),
            "memory": amount(usage.get("memory")),
            "memory_limit": amount(limit) if limit else None,
            "killed": end.get("finishedAt") if end.get("reason") == "OOMKilled" else None,
        }


def record(file: Path, cluster: Cluster, workloads: Sequence[Object], seconds: float, every: float) -> int:
    """Append samples to a file until the time is over, and return how many were new.

    A sample that the metrics API repeats is written once.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    written: set[tuple[str, str, str]] = set()
    end = time.monotonic() + seconds
    while True:
        lines = [
            line
            for line in sample(cluster, workloads)
            if (line["pod"], line["container"], line["time"]) not in written
        ]
        written |= {(line["pod"], line["container"], line["time"]) for line in lines}
        with file.open("a", encoding="utf-8") as output:
            output.writelines(json.dumps(line) + "\n" for line in lines)
        if time.monotonic() + every > end:
            return len(written)
        time.sleep(every)


def read(file: Path) -> list[Usage]:
    """Return the samples of a file.

    Raises:
        SlipwayError: the file cannot be read, or a line is not a sample.
    """
    found: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    kills: dict[tuple[str, str], dict[tuple[str, str], float | None]] = defaultdict(dict)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise SlipwayError(f"{file} cannot be read: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        try:
            item = json.loads(line)
            key = str(item["workload"]), str(item["container"])
            found[key].append(_sample(item))
            if killed := _killed(item):
                limit = item.get("memory_limit")
                kills[key].setdefault((str(item["pod"]), killed), None if limit is None else float(limit))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise SlipwayError(
                f"{file}, line {number} is not a sample ({error!r}): delete the line"
            ) from None
    return [Usage(*key, tuple(samples), kills=Counter(kills[key].values())) for key, samples in found.items()]


def _killed(item: Mapping[str, Any]) -> str:
    """Return when the container of a sample was killed for lack of memory; empty if it was not.

    Samples of earlier versions have the restarts of its pod instead, of which at least one was such a kill.
    """
    return str(item.get("killed") or ("at an unknown time" if item.get("kills") else ""))


def _sample(item: Mapping[str, Any]) -> Sample:
    values = [math.nan if item[key] is None else float(item[key]) for key in ("cpu", "memory")]
    return Sample(datetime.fromisoformat(item["time"]).timestamp(), str(item["pod"]), *values)
