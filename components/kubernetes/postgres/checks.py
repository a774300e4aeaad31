"""Checks of the arguments of Postgres that do not fit together."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from components.kubernetes.pod import Resources
from components.kubernetes.postgres.options import Backups, Database, Durability, Restore, buffers
from components.validation import quantity


def problems(
    replicas: int,
    durability: Durability,
    databases: Sequence[Database],
    parameters: Mapping[str, str],
    resources: Resources,
) -> Iterator[str]:
    """Yield what does not fit together."""
    if durability == "sync" and replicas < 2:
        yield f"durability is 'sync', but replicas is {replicas}: a commit would wait for a standby; use 2"
    if not databases:
        yield "databases is empty, but must have at least one: [Database(name='app')]"
    for database, count in Counter(item.name for item in databases).items():
        if count > 1:
            yield f"databases has {count} with the name {database!r}"
    users = Counter(user for item in databases for user in item.users)
    for user, count in users.items():
        if count > 1 and Counter(item.name for item in databases)[user] < 2:
            yield f"databases name the user {user!r} {count} times, but may only once"
    limit = resources.limits.as_dict["memory"]
    asked = parameters.get("shared_buffers")
    size = buffers(asked) if asked else 0
    if size is None:
        yield f"parameters.shared_buffers is {asked!r}, but must be a number with kB, MB or GB: 256MB"
    elif size > quantity(limit) * 6 / 10:
        yield f"parameters.shared_buffers is {asked}, but may be 60 % of the limit, {limit}"


def restore_problems(name: str, restore: Restore | None, backups: Backups | None) -> Iterator[str]:
    """Yield why a database cannot begin with the archive of another one."""
    if restore and not backups:
        yield "restore is given, but backups is not: it names the store that is read"
    if restore and restore.server == name:
        yield f"restore.server is {name!r}, the database itself: an archive is of one database"
