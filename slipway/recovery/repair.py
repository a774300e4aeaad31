"""The repair of a stack after an operation of the engine was killed.

A killed operation can leave a lock, plugins that still run, pending operations in the state, objects that are
in the cluster but not in the state, and a state that differs from the cluster.
"""

import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.cluster.kubectl import Object
from slipway.cluster.objects import (
    StackObject,
    current_resources,
    from_resource,
    live_objects,
    resources_in_state,
)
from slipway.errors import LockInUse, StackLocked
from slipway.process import is_running
from slipway.pulumi.project import Stack
from slipway.pulumi.stack_snapshot import StackSnapshot
from slipway.recovery import helm
from slipway.recovery.orphans import end, orphans

Info = Callable[[str], None]

# "created by USER@HOST (pid N) at TIME": https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/lock.go
_LOCK_OWNER = re.compile(r"created by (?P<user>\S*)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
LOCK_TRIES = 3
_FORCE = "If the operation does not run, pass --force-unlock"


@dataclass(frozen=True)
class Damage:
    """The remains of a killed operation."""

    pending: tuple[Mapping[str, Any], ...]
    """The pending operations in the state."""
    created: tuple[StackObject, ...]
    """Objects that are in the cluster, but not yet in the state."""
    lost: tuple[str, ...]
    """The names of resources whose creation is pending, and that are not in the cluster."""
    known: tuple[str, ...]
    """The names of resources whose creation is pending, and that the state has."""
    processes: tuple[int, ...]
    """The process ids of orphaned plugins."""
    records: tuple[helm.Record, ...] = ()
    """Helm's records of the revisions that the operation had begun."""

    def __bool__(self) -> bool:
        return bool(self.pending or self.processes or self.records)

    def describe(self) -> list[str]:
        """Return one sentence for each item, with its repair."""
        return [
            *(f"process {pid} is an orphaned plugin: it will be ended" for pid in self.processes),
            *dict.fromkeys(map(str, self.records)),  # a release may have several records
            *(
                f"{item} was created but is not in the state: it will be added to the state"
                for item in self.created
            ),
            *(
                f"{name} was being created but is not in the cluster: its pending operation will be dropped"
                for name in self.lost
            ),
            *(
                f"{name} was being created and is in the state: its pending operation will be dropped"
                for name in self.known
            ),
            *(
                f"{_name(operation)} was being {_past(operation['type'])}: its state will be refreshed"
                for operation in self.pending
                if operation["type"] != "creating"
            ),
        ]


def find_damage(snapshot: StackSnapshot) -> Damage:
    """Return the remains of a killed operation, without changing anything."""
    pending = snapshot.state["deployment"].get("pending_operations") or []
    creations = {
        operation["resource"]["urn"]: operation for operation in pending if operation["type"] == "creating"
    }
    created = {item.urn: item for item in _created(snapshot)}
    records = tuple(helm.records(snapshot.cluster, snapshot.state))
    found = {*created, *(record.urn for record in records if record.creating)}
    current = current_resources(snapshot.state)
    lost, known = (
        tuple(
            _name(operation)
            for urn, operation in creations.items()
            if urn not in found and (urn in current) == is_known
        )
        for is_known in (False, True)
    )
    processes = tuple(orphans(snapshot.stack.project.working_directory))
    return Damage(tuple(pending), tuple(created.values()), lost, known, processes, records)


def _created(snapshot: StackSnapshot) -> Iterator[StackObject]:
    """Yield the objects of pending creations that are in the cluster, but not in the state."""
    pending = snapshot.state["deployment"].get("pending_operations") or []
    objects = [
        item
        for operation in pending
        if operation["type"] == "creating" and (item := from_resource(operation["resource"]))
    ]
    live = live_objects(snapshot.cluster, objects, "--show-managed-fields") if objects else {}
    current = current_resources(snapshot.state)
    for item in objects:
        if item.key in live and _is_newer(live[item.key], current.get(item.urn)):
            yield replace(item, manifest=live[item.key])


def _is_newer(created: Object, resource: Mapping[str, Any] | None) -> bool:
    """Return whether an object was created after the object that the state has for its resource, if any.

    A newer object replaces that one. An older object is the remains of a creation from before: Pulumi keeps a
    pending creation when a later update creates the resource once more.
    """
    if resource is None:
        return True
    item = from_resource(resource)
    known = item.manifest["metadata"].get("creationTimestamp") if item else None
    return bool(known) and created["metadata"]["creationTimestamp"] > known


def repair(snapshot: StackSnapshot, info: Info, force_unlock: bool = False) -> StackSnapshot:
    """Make the state agree with the cluster, and return the new snapshot.

    Raises:
        LockInUse: another operation has the lock, or may have it.
        SlipwayError: the engine cannot read the cluster.
    """
    processes = tuple(orphans(snapshot.stack.project.working_directory))
    end(processes)
    damage = replace(find_damage(snapshot), processes=processes)  # the plugins may have created objects
    for text in damage.describe():
        info(text)

    def update_state() -> None:
        # First, because it fails if another operation runs: that may be about to end a revision of Helm. It
        # keeps pending creations, so after a failure at any step, the next repair finds what is left.
        _refresh(snapshot.stack, "--exclude", helm.unfinished(snapshot.stack.state()))
        present = snapshot.reload()
        damage = find_damage(present)
        if not damage.pending and not damage.records:
            return
        state = adopt(present.state, damage.created)
        state = add(state, helm.adopted(state, damage.records))
        # The pending creations lead to these records, and the state leads to the others.
        helm.settle(snapshot.cluster, (record for record in damage.records if record.creating))
        snapshot.stack.set_state(helm.outdated(state, damage.records))
        helm.settle(snapshot.cluster, (record for record in damage.records if not record.creating))
        if damage.created:
            _refresh(snapshot.stack, "--target", [item.urn for item in damage.created])

    unlock_and_run(snapshot.stack, update_state, info, force_unlock)
    return snapshot.reload()


def _refresh(stack: Stack, option: str, urns: Iterable[str]) -> None:
    """Refresh the state; `option` limits the refresh to resources, or excludes them."""
    limits = [word for urn in urns for word in (option, urn)]
    stack.command("refresh", "--yes", "--skip-preview", *limits)


def adopt(state: Mapping[str, Any], created: Sequence[StackObject]) -> dict[str, Any]:
    """Return a state whose resources include the created objects, and that has no pending operations.

    `pulumi refresh --import-pending-creates` is meant for this, but it only renames the operation from
    creating to importing, and the engine then drops the operation
    (pendingCreatesToImports in pkg/cmd/pulumi/operations/refresh.go, 3.259.0).
    """
    objects = {(item.urn, *item.key): item for item in created}
    deployment = dict(state["deployment"])
    new = {}  # the creation of an object may be pending twice
    for operation in deployment.pop("pending_operations", None) or []:
        resource = operation["resource"]
        found = from_resource(resource) if operation["type"] == "creating" else None
        if found and (item := objects.get((found.urn, *found.key))):
            identifier = f"{item.namespace}/{item.name}" if item.namespace else item.name
            new[item.urn] = {**resource, "id": identifier, "outputs": _outputs(item)}
    return add({**state, "deployment": deployment}, new.values())


def add(state: Mapping[str, Any], new: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a state with more resources."""
    resources = list(resources_in_state(state))
    for resource in new:
        _insert(resources, resource)
    return {**state, "deployment": {**state["deployment"], "resources": resources}}


def _insert(resources: list[dict[str, Any]], new: dict[str, Any]) -> None:
    """Append a resource, or insert a replacement before the resource that it replaces and its dependents."""
    place = next(
        (
            index
            for index, resource in enumerate(resources)
            if resource["urn"] == new["urn"] and not resource.get("delete")
        ),
        len(resources),
    )
    replaced = [old for old in resources[place : place + 1] if not old.get("pendingReplacement")]
    resources[place : place + 1] = [new, *({**old, "delete": True} for old in replaced)]


def _outputs(item: StackObject) -> dict[str, Any]:
    """Return the outputs that the provider cannot read from the cluster: its field manager's name.

    Without the name, the next update would use another field manager, and conflict with the first. From
    release 4.29 on, the plugin does not create objects by server-side apply, and needs no name.
    """
    managers = [
        manager["manager"]
        for manager in item.manifest["metadata"].get("managedFields") or []
        if manager["operation"] == "Apply" and manager["manager"].startswith("pulumi-kubernetes")
    ]
    return {"__initialApiVersion": item.api_version, **({"__fieldManager": managers[0]} if managers else {})}


def unlock_and_run(stack: Stack, action: Callable[[], None], info: Info, force: bool) -> None:
    """Run an action; if the stack is locked by a dead process, break the lock and run it again.

    Raises:
        LockInUse: another operation has the lock, or may have it.
    """
    for _ in range(LOCK_TRIES):
        try:
            return action()
        except StackLocked as error:
            owners = list(_LOCK_OWNER.finditer(error.output))
            if not force:
                _check_dead(stack.name, owners)
            info(f"the lock of {_names(owners)} will be removed")
            stack.cancel()
            time.sleep(0.1)
    raise LockInUse(
        f"stack {stack.name} is locked again after its lock was removed: another operation is running"
    )


def _check_dead(stack: str, owners: Sequence[re.Match[str]]) -> None:
    """Raise LockInUse unless every owner of the lock is a process of this machine that has ended."""
    for owner in owners:
        here = owner["host"] == socket.gethostname()
        running = is_running(int(owner["pid"]), "pulumi") if here else None
        if running:
            raise LockInUse(f"stack {stack} is in use by {_names([owner])}; nothing was changed")
        if running is None:
            place = "is not visible from this container" if here else "cannot be checked from here"
            raise LockInUse(f"stack {stack} is locked by {_names([owner])}, which {place}. {_FORCE}")
    if not owners:
        raise LockInUse(
            f"stack {stack} is locked, and its backend does not name the owner of the lock. {_FORCE}"
        )


def _names(owners: Sequence[re.Match[str]]) -> str:
    texts = [f"{owner['user']}, process {owner['pid']} on {owner['host']}" for owner in owners]
    return ", ".join(texts) or "an unknown owner"


def _name(operation: Mapping[str, Any]) -> str:
    return str(operation["resource"]["urn"].rpartition("::")[2])


def _past(kind: str) -> str:
    """Return updated for updating."""
    return f"{kind.removesuffix('ing')}ed"
