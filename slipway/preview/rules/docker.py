"""Containers, volumes, networks and ports of a Docker engine."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Situation, get, items, mapping
from slipway.pulumi.changes import Change, Op

_LOCAL = {"127.0.0.1", "::1"}


def containers(situation: Situation) -> Iterator[Consequence]:
    """Yield containers that stop, and say whether others serve meanwhile."""
    for change in _changes(situation, "Container"):
        if not change.deletes:
            continue
        ports = ", ".join(sorted(str(get(port, "external")) for port in items(change.old.get("ports"))))
        if change.op is Op.DELETE:
            reason = f"stops serving port {ports}" if ports else "is deleted"
            yield _of(change, Level.DANGEROUS if ports else Level.ATTENTION, "downtime", reason)
        elif change.deleted_first:
            clients = f"requests to port {ports} fail" if ports else "its clients fail"
            reason = f"stops before its replacement starts: {clients} until that is healthy"
            yield _of(change, Level.DANGEROUS if ports else Level.ATTENTION, "downtime", reason)
        elif change.new.get("wait"):
            yield _of(change, Level.SAFE, "pods", "stops after its replacement is healthy")
        else:
            reason = "stops as soon as its replacement has started: it has no health check to wait for"
            yield _of(change, Level.ATTENTION, "downtime", reason)


def data(situation: Situation) -> Iterator[Consequence]:
    """Yield volumes that are deleted, and containers whose data is in memory."""
    for change in _changes(situation, "Volume"):
        if change.op is Op.DELETE and change.retained:
            yield _of(change, Level.SAFE, "data", "leaves the stack and stays on the engine")
        elif change.deletes:
            yield _of(change, Level.DANGEROUS, "data", "is deleted: the data on it is lost")
    for change in _changes(situation, "Container"):
        in_memory = {*mapping(change.old.get("tmpfs"))} - {"/tmp"}  # noqa: S108 # in the container
        if change.deletes and in_memory:
            reason = f"loses the data in {', '.join(sorted(in_memory))}, which is in memory"
            yield _of(change, Level.DANGEROUS, "data", reason)


def networks(situation: Situation) -> Iterator[Consequence]:
    """Yield networks that are deleted or replaced: the containers on them lose each other."""
    for change in _changes(situation, "Network"):
        if change.deletes:
            reason = "is deleted: the containers on it cannot reach each other"
            yield _of(change, Level.ATTENTION, "downtime", reason)
        if change.new and change.old and change.old.get("internal") and not change.new.get("internal"):
            reason = "gets a way out: its containers reach other networks"
            yield _of(change, Level.DANGEROUS, "exposure", reason)


def ports(situation: Situation) -> Iterator[Consequence]:
    """Yield ports that others than the engine's machine can reach from now on."""
    for change in _changes(situation, "Container"):
        if opened := sorted(_open(change.new) - _open(change.old)):
            reason = f"opens {', '.join(opened)} to everyone who can reach the machine"
            yield _of(change, Level.DANGEROUS, "exposure", reason)


def _changes(situation: Situation, kind: str) -> Iterator[Change]:
    for change in situation.changes:
        if change.type.startswith("docker:index") and change.kind == kind:
            yield change


def _open(container: Mapping[str, Any]) -> set[str]:
    """Return the published ports, each with its address, that are not of the machine alone."""
    published = (mapping(port) for port in items(container.get("ports")))
    return {
        f"port {port.get('external')} of {port.get('ip', 'every address')}"
        for port in published
        if port.get("ip") not in _LOCAL
    }


def _of(change: Change, level: Level, concern: str, reason: str) -> Consequence:
    name = get(change.old or change.new, "name")
    shown = name if isinstance(name, str) else change.name
    return Consequence(level, concern, f"{change.kind} {shown} {reason}", change.urn)
