"""Requests that are far from the measured use."""

from collections.abc import Iterator

from slipway.cluster import quantities
from slipway.cluster.quantities import amount
from slipway.preview.rules.consequence import Consequence, Level, Manifest, Situation, get, mapping
from slipway.preview.rules.workloads import Workload, workloads

FAR = 4
"""How many times the highest measured use a request may be."""


def requests(situation: Situation) -> Iterator[Consequence]:
    """Yield new and changed requests that are far above the measured peak, or memory requests below it."""
    if not situation.peaks:
        return
    before = {item.object.key: item for item in workloads(situation, situation.before)}
    for workload in workloads(situation, situation.after):
        for container in workload.containers:
            name = str(get(container, "name"))
            peaks = situation.peaks.get((workload.object.name, name))
            if peaks is None or _requests(container) == _before(before.get(workload.object.key), container):
                continue
            for key, peak, written in zip(
                ("cpu", "memory"), peaks, (quantities.cpu, quantities.memory), strict=True
            ):
                request = amount(_requests(container).get(key))
                far = request > FAR * peak
                if request and (far or (key == "memory" and request < peak)):
                    yield workload.object.consequence(
                        Level.ATTENTION,
                        "resources",
                        f"requests {written(request)} of {key} in container {name}, but used at most"
                        f" {written(peak)} while it was measured: see `slipway capacity recommend`",
                    )


def _requests(container: Manifest) -> dict[str, str]:
    requests = mapping(get(container, "resources", "requests"))
    return {key: str(value) for key, value in requests.items()}


def _before(workload: Workload | None, container: Manifest) -> dict[str, str] | None:
    found = [
        item
        for item in (workload.containers if workload else ())
        if get(item, "name") == get(container, "name")
    ]
    return _requests(found[0]) if found else None
