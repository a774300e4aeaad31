"""The repair of a stack after an operation of the engine was killed.

A killed operation can leave a lock, plugins that still run, pending operations in the state, objects that are
in the cluster but not in the state, and a state that differs from the cluster.
"""

import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.cluster.objects import StackObject, from_resource, live_objects, resources_in_state
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
    processes: tuple[int, ...]
    """The process ids of orphaned plugins."""
    records: tuple[helm.Record, ...] = ()
    """Helm's records of the revisions that the operation had begun."""

    def __bool__(self) -> bool:
        return bool(self.pending or self.processes)

    def describe(self) -> list[str]:
        """Return one sentence for each item, with its repair."""
        return [
            *(f"process {pid} is an orphaned plugin: it will be ended" for pid in self.processes),
            *map(str, self.records),
            *(
                f"{item} was created but is not in the state: it will be added to the state"
                for item in self.created
            ),
            *(
                f"{name} was being created but is not in the cluster: its pending operation will be dropped"
                for name in self.lost
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
    creations = [operation for operation in pending if operation["type"] == "creating"]
    objects = [item for operation in creations if (item := from_resource(operation["resource"]))]
    live = live_objects(snapshot.cluster, objects, "--show-managed-fields") if objects else {}
    created = tuple(replace(item, manifest=live[item.key]) for item in objects if item.key in live)
    records = tuple(helm.records(snapshot.cluster, pending))
    urns = {*(item.urn for item in created), *(record.urn for record in records)}
    lost = tuple(_name(operation) for operation in creations if operation["resource"]["urn"] not in urns)
    processes = tuple(orphans(snapshot.stack.project.working_directory))
    return Damage(tuple(pending), created, lost, processes, records)


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
        if damage.created:
            snapshot.stack.set_state(adopt(snapshot.stack.state(), damage.created))
        # Before the records, because it fails if another operation runs: that may be about to end a revision.
        snapshot.stack.command("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
        helm.settle(snapshot.cluster, damage.records)
        if damage.records:
            state = snapshot.stack.state()
            state = add(state, helm.adopted(state, damage.records))
            snapshot.stack.set_state(helm.outdated(state, damage.records))

    unlock_and_run(snapshot.stack, update_state, info, force_unlock)
    return snapshot.reload()


def adopt(state: Mapping[str, Any], created: Sequence[StackObject]) -> dict[str, Any]:
    """Return a state whose resources include the created objects, and that has no pending operations.

    `pulumi refresh --import-pending-creates` is meant for this, but it only renames the operation from
    creating to importing, and the engine then drops the operation
    (pendingCreatesToImports in pkg/cmd/pulumi/operations/refresh.go, 3.259.0).
    """
    objects = {item.urn: item for item in created}
    deployment = dict(state["deployment"])
    new = []
    for operation in deployment.pop("pending_operations", None) or []:
        resource = operation["resource"]
        if operation["type"] == "creating" and (item := objects.get(resource["urn"])):
            identifier = f"{item.namespace}/{item.name}" if item.namespace else item.name
            new.append({**resource, "id": identifier, "outputs": _outputs(item)})
    return add({**state, "deployment": deployment}, new)


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
