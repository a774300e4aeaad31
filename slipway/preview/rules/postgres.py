"""Databases of the component Postgres: what a change means for their clients and their data."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from slipway.cluster.pods import COMPONENT
from slipway.cluster.quantities import amount
from slipway.preview.rules.consequence import Consequence, Level, Object, Situation, get, items
from slipway.preview.rules.workloads import Workload, restarting
from slipway.pulumi.changes import Change, Op

_COMPONENT = "slipway:components:Postgres$"
_RESTORE = ("RESTORE_SERVER", "RESTORE_TIME")


def is_part(change: Change) -> bool:
    """Return whether a resource is part of a database."""
    return _COMPONENT in change.urn


def is_member(change: Change) -> bool:
    """Return whether a resource is a member of a database, which the Job of an update restarts in order."""
    return is_part(change) and change.kind == "StatefulSet"


def database(item: Object) -> str:
    """Return the name of the database that an object is part of."""
    return str(item.labels.get(COMPONENT) or item.name)


def restarts(situation: Situation) -> Iterator[Consequence]:
    """Yield the databases whose members restart: all at most once, in an order that keeps writes possible."""
    groups: dict[tuple[str, str], list[tuple[Workload, Workload]]] = defaultdict(list)
    for old, new in restarting(situation):
        if is_member(new.object.change):
            groups[new.object.namespace, database(new.object)].append((old, new))
    for (namespace, name), pairs in groups.items():
        change = pairs[0][1].object.change
        others = [
            item for item in situation.after if is_member(item.change) and database(item) == name
            and item.namespace == namespace
        ]  # fmt: skip
        if len(others) > 1:
            reason = (
                "restarts, standbys first, then a switchover, then the old primary: writes fail for seconds"
            )
        else:
            reason = "restarts its only member: reads and writes fail until it is back"
        yield Consequence(Level.ATTENTION, "downtime", f"Database {name} {reason}", change.urn)


def removals(situation: Situation) -> Iterator[Consequence]:
    """Yield members that leave a database, and databases that leave the stack."""
    gone: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for item in situation.removed("StatefulSet"):
        if is_member(item.change):
            gone[item.namespace, database(item)].append(item)
    left = {(item.namespace, database(item)) for item in situation.after if is_member(item.change)}
    for key, members in gone.items():
        change = members[0].change
        if key in left:
            names = ", ".join(sorted(member.name for member in members))
            reason = f"Database {key[1]} loses the member {names}; the claim stays in the cluster"
            yield Consequence(Level.ATTENTION, "pods", reason, change.urn)
        else:
            url = _variable(members[0], "BACKUP_URL")
            backups = f"its backups stay in {url}/{key[1]}" if url else "it has no backups"
            reason = f"Database {key[1]} is deleted: its clients lose it; {backups}"
            yield Consequence(Level.DANGEROUS, "data", reason, change.urn)


def claims(situation: Situation) -> Iterator[Consequence]:
    """Yield the claims of a database that would have to shrink, or to be created again."""
    for old, new in situation.updates("PersistentVolumeClaim"):
        if not is_part(new.change):
            continue
        sizes = [get(item.manifest, "spec", "resources", "requests", "storage") for item in (old, new)]
        if new.change.op is Op.UPDATE and amount(sizes[1]) < amount(sizes[0]):
            reason = f"cannot shrink from {sizes[0]} to {sizes[1]}: the update fails"
            yield new.consequence(Level.DANGEROUS, "data", reason)


def durability(situation: Situation) -> Iterator[Consequence]:
    """Yield databases whose commits no longer wait for a standby, or wait from now on."""
    for old, new in situation.updates("Job"):
        if not is_part(new.change) or not new.change.urn.endswith("-update"):
            continue
        before, after = (_settings(item) for item in (old, new))
        modes = (before.get("synchronous"), after.get("synchronous"))
        name = database(new)
        if modes == (True, False):
            reason = f"Database {name} no longer waits for a standby: a failover may lose the last commits"
            yield Consequence(Level.ATTENTION, "data", reason, new.change.urn)
        if modes == (False, True):
            reason = (
                f"Database {name} waits for a standby: commits take a round trip longer, and none is lost"
            )
            yield Consequence(Level.SAFE, "data", reason, new.change.urn)
        yield from _other_users(name, before, after, new.change.urn)


def _other_users(name: str, before: dict[str, Any], after: dict[str, Any], urn: str) -> Iterator[Consequence]:
    """Yield the users of a database that may no longer log in, or have other rights."""
    users, now = _users(before), _users(after)
    for user, (role, place) in sorted(users.items()):
        if user not in now:
            reason = f"Database {name} no longer lets the user {user} log in"
        elif now[user] != (role, place):
            reason = (
                f"Database {name} makes the user {user} {' of '.join(now[user])}; it was {role} of {place}"
            )
            if now[user][1] != place:
                reason += f". Its URL names {place} until password_version is another"
        else:
            continue
        yield Consequence(Level.ATTENTION, "identity", reason, urn)


def restores(situation: Situation) -> Iterator[Consequence]:
    """Yield the new databases whose archive has nothing for their moment, or was not examined."""
    for found in situation.restores:
        name, urn = found.request.name, found.request.urn
        if found.known:
            reason = f"Database {name} cannot be restored, and the update fails: {found.reason}"
            yield Consequence(Level.DANGEROUS, "data", reason, urn)
        else:
            reason = f"Database {name} is restored from backups that were not examined: {found.reason}"
            yield Consequence(Level.ATTENTION, "data", reason, urn)


def other_origins(situation: Situation) -> Iterator[Consequence]:
    """Yield databases that exist, and whose restore is changed: only an empty volume is ever restored."""
    done: set[tuple[str, str]] = set()
    for old, new in situation.updates("StatefulSet"):
        key = (new.namespace, database(new))
        before, after = ([_variable(item, name) for name in _RESTORE] for item in (old, new))
        if is_member(new.change) and after[0] and before != after and key not in done:
            done.add(key)
            reason = (
                f"Database {key[1]} is not restored to {after[1]} if it has data: the update fails."
                " Restore under another name"
            )
            yield Consequence(Level.ATTENTION, "data", reason, new.change.urn)


def _settings(job: Object) -> dict[str, Any]:
    """Return what the Job of an update reads."""
    settings: dict[str, Any] = json.loads(_variable(job, "DB_SETTINGS") or "{}")
    return settings


def _variable(item: Object, name: str) -> str:
    """Return a plain variable of an object's pods; empty if there is none."""
    containers: Sequence[Any] = items(get(item.manifest, "spec", "template", "spec", "containers"))
    for variable in (entry for container in containers for entry in items(get(container, "env"))):
        value = get(variable, "value")
        if get(variable, "name") == name and isinstance(value, str):
            return value
    return ""


def _users(settings: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Return what each user is, and in which database."""
    found: dict[str, tuple[str, str]] = {}
    for item in settings.get("databases", []):
        found[item["name"]] = ("the owner", item["name"])
        found |= {user: ("a reader", item["name"]) for user in item["readers"]}
        found |= {user: ("a writer", item["name"]) for user in item["writers"]}
    return found
