"""Containers, volumes, networks and ports of a Docker engine: rules, and conditions of harmless changes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from slipway.cluster.quantities import amount
from slipway.preview.rules import images
from slipway.preview.rules.consequence import Consequence, Level, Situation, get, items, mapping
from slipway.preview.rules.harmless_conditions import Context, is_hidden, raised_from_a_value
from slipway.pulumi.changes import Change, Op

ENGINE = "docker:index"
"""The beginning of the types of a Docker engine's resources."""
_LOCAL = {"127.0.0.1", "::1"}
# https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities
_DEFAULT_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
    "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip


def containers(situation: Situation) -> Iterator[Consequence]:
    """Yield containers that stop, and say whether others serve meanwhile."""
    for change in _changes(situation, "Container"):
        if not change.deletes:
            continue
        if _ends(change):
            if change.op is Op.REPLACE and change.new.get("start") is False:
                yield _of(change, Level.ATTENTION, "pods", "is replaced: other containers read other files")
            elif change.op is Op.REPLACE:
                yield _of(change, Level.ATTENTION, "downtime", "is replaced: its process runs once more")
            continue
        ports = ", ".join(sorted(str(get(port, "external")) for port in items(change.old.get("ports"))))
        if change.op is Op.DELETE:
            reason = f"stops serving port {ports}" if ports else "is deleted"
            yield _of(change, Level.DANGEROUS if ports else Level.ATTENTION, "downtime", reason)
        elif change.deleted_first:
            clients = f"requests to port {ports} fail" if ports else "its clients fail"
            reason = f"stops before its replacement starts: {clients} until that is healthy"
            yield _of(change, Level.DANGEROUS if ports else Level.ATTENTION, "downtime", reason)
        elif _rolls(change):
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
        # As with the pods of a Deployment, or of a Job, what they have in memory is theirs alone.
        if _rolls(change) or _ends(change):
            continue
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
    """Yield ports that others than the engine's machine reach from now on, and ports that change."""
    for change in _changes(situation, "Container"):
        old, new = _published(change.old), _published(change.new)
        if opened := _listed(port for port in new.keys() - old.keys() if port[1] not in _LOCAL):
            reason = f"opens {opened} to everyone who can reach the machine"
            yield _of(change, Level.DANGEROUS, "exposure", reason)
        if change.op is Op.DELETE:
            continue
        if closed := _listed(old.keys() - new.keys()):
            yield _of(change, Level.DANGEROUS, "downtime", f"stops serving {closed}")
        for port in sorted(old.keys() & new.keys()):
            if old[port] != new[port]:
                reason = f"leads {_listed([port])} to {new[port]} instead of {old[port]}"
                yield _of(change, Level.ATTENTION, "downtime", reason)


def privileges(situation: Situation) -> Iterator[Consequence]:
    """Yield what a container can do to the engine's machine from now on."""
    for change in _changes(situation, "Container"):
        for power in sorted(_powers(change.new) - _powers(change.old)):
            yield _of(change, Level.DANGEROUS, "privilege", power)


def _changes(situation: Situation, kind: str) -> Iterator[Change]:
    for change in situation.changes:
        if change.type.startswith(ENGINE) and change.kind == kind:
            yield change


def pulled_image(context: Context) -> bool:
    """Return whether a container's new image is the id of a pulled one, or replaces the old as usual."""
    pulled = all(str(value).startswith("sha256:") for value in context.values)
    return pulled or images.is_ordinary(*context.values)


def raised_limit(context: Context) -> bool:
    """Return whether a limit is raised; 0 and -1 stand for none."""
    before = context.difference.old
    return raised_from_a_value(context) and amount(before) > 0


def variables_stay(context: Context) -> bool:
    """Return whether each variable of a container, `NAME=value`, stays; a hidden entry can be any."""
    before, after = (items(value) for value in context.values)
    if is_hidden(*context.values):
        return False
    removed = _variables(before) - _variables(after)
    return len(removed) <= sum(map(is_hidden, after)) - sum(map(is_hidden, before))


def _variables(entries: Sequence[Any]) -> set[str]:
    return {str(entry).partition("=")[0] for entry in entries if not is_hidden(entry)}


def _ends(change: Change) -> bool:
    """Return whether the process of a container runs once, as that of a Job."""
    return change.old.get("mustRun") is False


def _rolls(change: Change) -> bool:
    """Return whether a container stops after its replacement is healthy."""
    return change.op is Op.REPLACE and not change.deleted_first and bool(change.new.get("wait"))


_Port = tuple[str, str, str]
"""The number, the address and the protocol of a published port."""


def _published(container: Mapping[str, Any]) -> dict[_Port, str]:
    """Return the ports of the container by the published ones."""
    published = (mapping(port) for port in items(container.get("ports")))
    return {
        (
            str(port.get("external")),
            str(port.get("ip", "every address")),
            str(port.get("protocol", "tcp")),
        ): str(port.get("internal"))
        for port in published
    }


def _listed(ports: Iterable[_Port]) -> str:
    return ", ".join(
        f"port {number} of {address}" + (f" ({protocol})" if protocol != "tcp" else "")
        for number, address, protocol in sorted(ports)
    )


def _powers(container: Mapping[str, Any]) -> set[str]:
    """Return sentences about what a container can do to the machine."""
    powers = {"runs privileged, as root of the machine"} if container.get("privileged") is True else set()
    for capability in map(str, items(get(container, "capabilities", "adds"))):
        if capability.removeprefix("CAP_") not in _DEFAULT_CAPABILITIES:
            powers.add(f"gets the capability {capability}")
    for mode in ("networkMode", "pidMode", "ipcMode", "usernsMode"):
        if container.get(mode) == "host":
            powers.add(f"shares the machine's own namespace ({mode}: host)")
    bound = [get(mount, "source") for mount in items(container.get("mounts")) if get(mount, "type") == "bind"]
    bound += [get(volume, "hostPath") for volume in items(container.get("volumes"))]
    powers |= {f"mounts {path} of the machine" for path in bound if path}
    devices = (get(device, "hostPath") for device in items(container.get("devices")))
    return powers | {f"uses the device {path} of the machine" for path in devices if path}


def _of(change: Change, level: Level, concern: str, reason: str) -> Consequence:
    name = get(change.old or change.new, "name")
    shown = name if isinstance(name, str) else change.name
    return Consequence(level, concern, f"{change.kind} {shown} {reason}", change.urn)
