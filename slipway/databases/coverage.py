"""Whether the archive of a database has a base backup for the moment that a restore asks for.

The store's login is a Secret that only pods have, so a pod of a database that uses the store is asked.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slipway import masking
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.pods import COMPONENT
from slipway.errors import SlipwayError
from slipway.pulumi.changes import Change, Op, items, mapping

LATEST = "LATEST"
_SERVERS = "app.kubernetes.io/component=server"
_STORE = ("BACKUP_URL", "BACKUP_ENDPOINT")


@dataclass(frozen=True)
class Request:
    """The restore with which a new database of a program begins."""

    name: str
    namespace: str
    server: str
    """The database whose archive is read."""
    time: str
    store: tuple[str, ...]
    urn: str = ""


@dataclass(frozen=True)
class Finding:
    """Why a restore cannot succeed, or why that is unknown."""

    request: Request
    reason: str
    known: bool
    """Whether the store was asked: then the restore fails."""

    @classmethod
    def unknown(cls, request: Request, error: SlipwayError) -> "Finding":
        """Return that a restore could not be checked."""
        return cls(request, masking.message(str(error)).splitlines()[-1], known=False)


def requests(changes: Iterable[Change]) -> Iterator[Request]:
    """Yield the restores of new databases."""
    done: set[tuple[str, str]] = set()
    for change in changes:
        if change.op is not Op.CREATE or change.kind != "StatefulSet":
            continue
        metadata = mapping(change.new.get("metadata"))
        template = mapping(mapping(change.new.get("spec")).get("template"))
        variables = _variables(mapping(template.get("spec")))
        server = variables.get("RESTORE_SERVER")
        name = str(mapping(metadata.get("labels")).get(COMPONENT) or metadata.get("name"))
        namespace = str(metadata.get("namespace"))
        if server and (namespace, name) not in done:
            done.add((namespace, name))
            time = variables.get("RESTORE_TIME") or LATEST
            yield Request(name, namespace, server, time, _store(variables), change.urn)


def check(cluster: Cluster, request: Request) -> Finding | None:
    """Return why a restore fails, or cannot be checked; None if a base backup covers its moment."""
    try:
        ends = _ends(cluster, request)
    except SlipwayError as error:
        return Finding.unknown(request, error)
    key, server = f"restored.{request.name}", request.server
    if not ends:
        reason = (
            f"{key}.server is {server}, but {request.store[0]} has no base backup of it: name another"
            " database, or wait for its first backup"
        )
        return Finding(request, reason, known=True)
    if request.time != LATEST and datetime.fromisoformat(request.time) < ends[0]:
        reason = (
            f"{key}.time is {request.time}, but the earliest moment that {server} can be restored to is"
            f" {ends[0].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}: choose a later one, or LATEST"
        )
        return Finding(request, reason, known=True)
    return None


def _ends(cluster: Cluster, request: Request) -> list[datetime]:
    """Return when the base backups of a database were complete, the first one first.

    Raises:
        SlipwayError: no pod can say.
    """
    pods = cluster.get("pods", "--namespace", request.namespace, "--selector", _SERVERS)
    using = [pod for pod in pods if _runs(pod) and _store(_variables(pod["spec"])) == request.store]
    using.sort(key=lambda pod: pod["metadata"].get("labels", {}).get(COMPONENT) != request.server)
    if not using:
        raise SlipwayError(f"no database that uses {request.store[0]} runs in {request.namespace}")
    pod = using[0]["metadata"]["name"]
    command = ("python3", "-m", "dbserver.store", request.server)
    text = cluster.kubectl("exec", "--namespace", request.namespace, pod, "--", *command)
    try:
        return sorted(datetime.fromisoformat(item["ended"]) for item in json.loads(text))
    except ValueError:
        raise SlipwayError(f"{pod} has an image that does not list backups: update the database") from None


def _runs(pod: Object) -> bool:
    deleted = "deletionTimestamp" in pod["metadata"]
    return not deleted and (pod.get("status") or {}).get("phase") == "Running"


def _variables(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the plain variables of the containers of a pod."""
    entries = (entry for item in items(spec.get("containers")) for entry in items(mapping(item).get("env")))
    return {
        entry["name"]: entry["value"]
        for entry in map(mapping, entries)
        if isinstance(entry.get("name"), str) and isinstance(entry.get("value"), str)
    }


def _store(variables: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(variables.get(name, "") for name in _STORE)
