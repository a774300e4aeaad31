"""What differs between a stack's program, its state and the cluster."""

from collections.abc import Iterator
from dataclasses import dataclass

from slipway.errors import SlipwayError
from slipway.pulumi.changes import Change, EventSummary, Op, PropertyChange
from slipway.pulumi.events import read
from slipway.pulumi.failures import explained
from slipway.pulumi.project import Stack

FORCE_PATCH = {"PULUMI_K8S_ENABLE_PATCH_FORCE": "true"}
"""Environment in which the Kubernetes provider takes fields back that somebody else has set.

https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/
"""


@dataclass(frozen=True)
class Difference:
    """One resource that is not the same everywhere."""

    kind: str
    name: str
    cluster: tuple[str, ...]
    """How the cluster differs from what the last update made."""
    program: tuple[str, ...]
    """How the program differs from what the last update made."""
    would: str
    """What `pulumi up --refresh` does about it: create, update, replace, delete or nothing."""

    def __str__(self) -> str:
        where = [f"cluster: {text}" for text in self.cluster] + [f"program: {text}" for text in self.program]
        return f"{self.kind} {self.name}: {'; '.join(where)} → up would {self.would}"


def differences(stack: Stack) -> list[Difference]:
    """Have the engine compare all three; nothing is written.

    Raises:
        SlipwayError: when the program fails or the cluster cannot be read.
    """
    run = stack.preview(refresh=True)
    told = read(run.events)
    if not run.succeeded:
        raise SlipwayError(f"{stack.name} cannot be compared with its cluster: {explained(run, told)}")
    return list(of(told))


def of(told: EventSummary) -> Iterator[Difference]:
    """Put together what a preview with refresh says."""
    drifted = {one.urn: one for one in told.drift if one.op is Op.DELETE or one.properties}
    changes = {one.urn: one for one in told.changes if one.custom}
    for urn in {**drifted, **changes}:
        drift, change = drifted.get(urn), changes.get(urn)
        one = drift or change
        if one is not None:
            yield Difference(
                kind=one.kind,
                name=one.name,
                cluster=tuple(_cluster(drift)) if drift else (),
                program=tuple(_program(change, drift)) if change else (),
                would=str(change.op) if change else "leave it, and take it into the state",
            )


def _cluster(drift: Change) -> Iterator[str]:
    if drift.op is Op.DELETE:
        yield "it is gone"
    else:
        yield from map(_told, drift.properties)


def _program(change: Change, drift: Change | None) -> Iterator[str]:
    """Yield what is new in the program: what would change, less what only sets the drift back."""
    if drift and drift.op is Op.DELETE:
        return
    back = {one.path for one in drift.properties} if drift else set()
    if change.op in (Op.CREATE, Op.DELETE):
        yield "it is new" if change.op is Op.CREATE else "it is no longer there"
    for one in change.properties:
        if one.path not in back:
            yield _told(one)


def _told(change: PropertyChange) -> str:
    return f"{change.path}: {_short(change.old)} → {_short(change.new)}"


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 100 else f"{text[:97]}…"
