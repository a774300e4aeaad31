"""Mending what an operation of the engine leaves behind when it is killed.

A lock, child processes that still work, operations that the state calls pending, objects that were made but
never written down, and a state that differs from the cluster.
"""

import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from slipway.cluster.objects import StackObject, from_resource, live_objects
from slipway.errors import SlipwayError
from slipway.promotion.owner import is_running
from slipway.pulumi.project import Locked
from slipway.pulumi.snapshot import StackSnapshot
from slipway.recovery.orphans import end, orphans

Tell = Callable[[str], None]

# "created by USER@HOST (pid N) at TIME": https://github.com/pulumi/pulumi/blob/master/pkg/backend/diy/lock.go
_HOLDER = re.compile(r"created by (?P<user>\S*)@(?P<host>\S+) \(pid (?P<pid>\d+)\)")
LOCK_TRIES = 3


class LockInUse(SlipwayError):
    """The lock belongs to an operation that runs, or may run."""


@dataclass(frozen=True)
class Damage:
    """What was found."""

    pending: tuple[Mapping[str, Any], ...]
    """Operations that were under way, as the state writes them down."""
    made: tuple[StackObject, ...]
    """Objects that were being created and are in the cluster; the state does not know them yet."""
    lost: tuple[str, ...]
    """Names of resources that were being created and are not there."""
    processes: tuple[int, ...]
    """Plugins of an engine that is gone."""

    def __bool__(self) -> bool:
        return bool(self.pending or self.processes)

    def told(self) -> list[str]:
        """One sentence for each thing, with what will be done about it."""
        return [
            *(f"process {pid}, a plugin of an engine that is gone: will be ended" for pid in self.processes),
            *(f"{one} was created but not written down: will be taken into the state" for one in self.made),
            *(f"{name} was being created, and is not there: will be forgotten" for name in self.lost),
            *(
                f"{_name(one)} was being {_past(one['type'])}: its state will be read from the cluster"
                for one in self.pending
                if one["type"] != "creating"
            ),
        ]


def look(side: StackSnapshot) -> Damage:
    """Find what is broken, without changing anything."""
    pending = side.state["deployment"].get("pending_operations") or []
    creates = [one for one in pending if one["type"] == "creating"]
    objects = [found for one in creates if (found := from_resource(one["resource"]))]
    live = live_objects(side.cluster, objects, "--show-managed-fields") if objects else {}
    made = tuple(replace(one, manifest=live[one.key]) for one in objects if one.key in live)
    urns = {one.urn for one in made}
    lost = tuple(_name(one) for one in creates if one["resource"]["urn"] not in urns)
    processes = tuple(orphans(side.stack.project.directory))
    return Damage(tuple(pending), made, lost, processes)


def repair(side: StackSnapshot, tell: Tell, force_unlock: bool = False) -> StackSnapshot:
    """Make state and cluster agree, and return the stack as it is then.

    Raises:
        LockInUse: another operation has the lock, or may have it.
        SlipwayError: when the engine cannot read the cluster.
    """
    damage = look(side)
    end(damage.processes)
    for text in damage.told():
        tell(text)

    def mend() -> None:
        if damage.made:
            side.stack.set_state(adopted(side.stack.state(), damage.made))
        side.stack.command("refresh", "--yes", "--skip-preview", "--clear-pending-creates")

    _unlocked(side, mend, tell, force_unlock)
    return side.reload()


def adopted(state: Mapping[str, Any], made: Sequence[StackObject]) -> dict[str, Any]:
    """Return a state that has what was being created among its resources.

    `pulumi refresh --import-pending-creates` is meant for this, but it only renames the operation from
    creating to importing, which the engine then drops like any other
    (pendingCreatesToImports in pkg/cmd/pulumi/operations/refresh.go, 3.259.0).
    """
    objects = {one.urn: one for one in made}
    deployment = dict(state["deployment"])
    pending = deployment.pop("pending_operations", None) or []
    resources = list(deployment.get("resources") or [])
    for one in pending:
        if one["type"] == "creating" and (found := objects.get(one["resource"]["urn"])):
            _insert(resources, {**one["resource"], "id": _id(found), "outputs": _remembered(found)})
    return {**state, "deployment": {**deployment, "resources": resources}}


def _insert(resources: list[dict[str, Any]], new: dict[str, Any]) -> None:
    """Put a resource last, or, if it replaces another, before that and so before those that depend on it."""
    same = (i for i, one in enumerate(resources) if one["urn"] == new["urn"] and not one.get("delete"))
    place = next(same, len(resources))
    replaced = resources[place : place + 1]
    still_there = [{**one, "delete": True} for one in replaced if not one.get("pendingReplacement")]
    resources[place : place + 1] = [new, *still_there]


def _remembered(one: StackObject) -> dict[str, Any]:
    """Return what the provider cannot read from the cluster: whose fields they are in server-side apply.

    Without it the next update would come under another name, and conflict with the first. From release 4.29
    on the plugin does not create by server-side apply: it takes such fields over by itself.
    """
    managers = [
        manager["manager"]
        for manager in one.manifest["metadata"].get("managedFields") or []
        if manager["operation"] == "Apply" and manager["manager"].startswith("pulumi-kubernetes")
    ]
    return {"__initialApiVersion": one.api_version, **({"__fieldManager": managers[0]} if managers else {})}


def _unlocked(side: StackSnapshot, work: Callable[[], None], tell: Tell, force: bool) -> None:
    for _ in range(LOCK_TRIES):
        try:
            return work()
        except Locked as error:
            holders = list(_HOLDER.finditer(error.printed))
            _check_gone(side, holders, force)
            tell(f"a lock of {_names(holders)}, which is gone: will be removed")
            side.stack.cancel()
            time.sleep(0.1)
    raise LockInUse(
        f"stack {side.name} is locked again as soon as its lock is removed: another operation is at work"
    )


def _check_gone(side: StackSnapshot, holders: Sequence[re.Match[str]], force: bool) -> None:
    """Return if the lock's processes are known to be gone; where nobody can know, the user must say so."""
    if force:
        return
    for one in holders:
        if one["host"] != socket.gethostname():
            raise LockInUse(
                f"stack {side.name} is locked by {_names([one])}, and only there can be seen whether that"
                " still runs. When it does not: --force-unlock"
            )
        if is_running(int(one["pid"]), "pulumi"):
            raise LockInUse(f"stack {side.name} is being worked on by {_names([one])}; nothing was touched")
    if not holders:
        raise LockInUse(
            f"stack {side.name} is locked, and its backend does not say by whom. When that operation does"
            " not run any more: --force-unlock"
        )


def _names(holders: Sequence[re.Match[str]]) -> str:
    return ", ".join(f"{one['user']}, process {one['pid']} on {one['host']}" for one in holders) or "somebody"


def _id(one: StackObject) -> str:
    return f"{one.namespace}/{one.name}" if one.namespace else one.name


def _name(operation: Mapping[str, Any]) -> str:
    return str(operation["resource"]["urn"].rpartition("::")[2])


def _past(kind: str) -> str:
    """Return updated for updating."""
    return f"{kind.removesuffix('ing')}ed"
