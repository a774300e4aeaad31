"""The differences between a stack's program, its state and the cluster, without secrets."""

from collections.abc import Iterator
from dataclasses import dataclass

from slipway.masking import visible
from slipway.pulumi.changes import Change, EventSummary, Op, PropertyChange
from slipway.pulumi.operations import Run
from slipway.pulumi.project import Stack
from slipway.pulumi.property_diff import printed

FORCE_PATCH = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
"""Environment in which the Kubernetes provider overwrites fields that another field manager has set.

https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/
"""


@dataclass(frozen=True)
class Difference:
    """A resource that differs between program, state and cluster."""

    kind: str
    name: str
    cluster: tuple[str, ...]
    """The differences between the cluster and the state."""
    program: tuple[str, ...]
    """The differences between the program and the state."""
    would: str
    """The operation of `pulumi up --refresh`: create, update, replace, delete, or adopt it into the state."""

    def __str__(self) -> str:
        where = [f"cluster: {text}" for text in self.cluster] + [f"program: {text}" for text in self.program]
        return f"{self.kind} {self.name}: {'; '.join(where)} → `up` would {self.would}"


def differences(stack: Stack) -> list[Difference]:
    """Compare program, state and cluster; nothing is written."""
    return list(_differences(_summary(stack, stack.preview(refresh=True))))


def cluster_drift(stack: Stack) -> list[str]:
    """Return one sentence for each object in the cluster that differs from the state."""
    summary = _summary(stack, stack.preview_refresh())
    return [f"{item.kind} {item.name}: {'; '.join(item.cluster)}" for item in _differences(summary)]


def _summary(stack: Stack, run: Run) -> EventSummary:
    return run.check(f"{stack.name} cannot be compared with its cluster")


def _differences(summary: EventSummary) -> Iterator[Difference]:
    drift = {change.urn: change for change in summary.drift if change.op is Op.DELETE or change.properties}
    changes = {change.urn: change for change in summary.changes if change.custom}
    for urn in {**drift, **changes}:
        drifted, change = drift.get(urn), changes.get(urn)
        resource = drifted or changes[urn]
        yield Difference(
            kind=resource.kind,
            name=resource.name,
            cluster=tuple(_cluster(drifted)) if drifted else (),
            program=tuple(_program(change, drifted)) if change else (),
            would=str(change.op) if change else "adopt it into the state",
        )


def _cluster(drift: Change) -> Iterator[str]:
    if drift.op is Op.DELETE:
        yield "it is deleted"
    else:
        yield from (_describe(drift, difference) for difference in drift.properties)


def _program(change: Change, drift: Change | None) -> Iterator[str]:
    """Yield the changes of the program, without the changes that only revert the drift."""
    if drift and drift.op is Op.DELETE:
        return
    reverted = {difference.path for difference in drift.properties} if drift else set()
    if change.op in (Op.CREATE, Op.DELETE):
        yield "it is new" if change.op is Op.CREATE else "it is removed"
    for difference in change.properties:
        if difference.path not in reverted:
            yield _describe(change, difference)


def _describe(change: Change, difference: PropertyChange) -> str:
    old, new = printed(change, difference)
    return f"{visible(difference.path)}: {_short(old)} → {_short(new)}"


def _short(value: str | None) -> str:
    text = "nothing" if value is None else visible(value)
    return text if len(text) <= 100 else f"{text[:97]}…"
