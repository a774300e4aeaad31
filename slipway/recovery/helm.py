"""Helm's own records of releases: a Secret in the release's namespace for each revision.

If the plugin is killed during a revision, the revision stays pending, and Helm refuses further revisions of
the release. Deleting the record ends that: the next revision takes over the objects, which carry the
release's name. https://helm.sh/docs/topics/advanced/#storage-backends

If only the engine is killed, the plugin may finish an installation that the state does not have. The release
is then added to the state, so that the next update upgrades it. So is a release with an automatic name, even
if its installation is pending: the next installation would get another name, and the objects would stay.
"""

import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import current_resources, resources_in_state
from slipway.preview.rules.consequence import RELEASE

_PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
_INSTALLED = ("deployed", "failed")
_UNFINISHED = "unfinished"
"""The version that a release has in the state until the next update has run Helm again."""


@dataclass(frozen=True)
class Record:
    """The record of a revision that a killed update had begun."""

    resource: Mapping[str, Any] = field(repr=False)
    """The release as the state, or its pending creation, has it."""
    secret: Object = field(repr=False)
    """The Secret: sh.helm.release.v1.cache.v2."""
    creating: bool
    """The state does not have the release: its creation is pending."""

    @property
    def urn(self) -> str:
        """The resource that the release is in Pulumi."""
        return str(self.resource["urn"])

    @property
    def release(self) -> str:
        """The release's name."""
        return str(self.resource["inputs"]["name"])

    @property
    def pending(self) -> bool:
        """The revision has not ended."""
        return self.secret["metadata"]["labels"]["status"] in _PENDING

    @property
    def adopted(self) -> bool:
        """The release is added to the state."""
        automatic = rf"{re.escape(self.urn.rpartition('::')[2])}-[0-9a-f]{{8}}"  # cache-1a2b3c4d
        return self.creating and (not self.pending or bool(re.fullmatch(automatic, self.release)))

    def __str__(self) -> str:
        if self.adopted:
            begun = "was being installed" if self.pending else "was installed"
            return (
                f"Helm release {self.release} {begun} but is not in the state: it will be added to the state"
            )
        name = self.secret["metadata"]["name"]
        return (
            f"the record {name} of an unfinished revision of Helm release {self.release}: it will be deleted"
        )


def records(cluster: Cluster, state: Mapping[str, Any]) -> Iterator[Record]:
    """Yield the records of unfinished revisions, and of the releases whose creation is pending.

    The releases of the state count without their pending operations, which a refresh drops. Pulumi keeps a
    pending creation for longer: a later update may have created the release.
    """
    current = current_resources(state)
    for resource in current.values():
        yield from _records(cluster, resource, creating=False)
    known = {*current}
    for operation in state["deployment"].get("pending_operations") or []:
        resource = operation["resource"]
        if operation["type"] == "creating" and resource["urn"] not in known:
            for record in _records(cluster, resource, creating=True):
                known.add(record.urn)  # an earlier creation may be pending too
                yield record


def _records(cluster: Cluster, resource: Mapping[str, Any], *, creating: bool) -> Iterator[Record]:
    inputs = resource.get("inputs") or {}
    name, namespace = inputs.get("name"), inputs.get("namespace")
    if resource["type"] != RELEASE or not isinstance(name, str) or not isinstance(namespace, str):
        return
    statuses = ", ".join((*_PENDING, *_INSTALLED) if creating else _PENDING)
    selector = f"--selector=owner=helm,name={name},status in ({statuses})"
    for secret in cluster.get("secrets", "-n", namespace, selector):
        yield Record(resource, secret, creating)


def settle(cluster: Cluster, records: Iterable[Record]) -> None:
    """End pending revisions: delete their records, or mark those as failed whose release stays.

    Helm upgrades a release whose installation has failed. The objects stay as they are.
    """
    for record in records:
        if record.pending and record.adopted:
            cluster.replace(_failed(record.secret))
        elif record.pending:
            metadata = record.secret["metadata"]
            cluster.kubectl(
                "delete", "secret", metadata["name"], "-n", metadata["namespace"], "--ignore-not-found"
            )


def _failed(secret: Object) -> Object:
    """Return a record whose revision has failed. Helm compresses it, and encodes it once more."""
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
    release["info"]["status"] = "failed"
    content = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    labels = {**secret["metadata"]["labels"], "status": "failed"}
    return {**secret, "metadata": {**secret["metadata"], "labels": labels}, "data": {"release": content}}


def adopted(state: Mapping[str, Any], records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the resources to add to a state, one for each release that it does not have.

    Without the plugin's own outputs: if it read them now, secrets among the values would be in plain text.
    The next update writes them.
    """
    known = {resource["urn"] for resource in resources_in_state(state)}
    new = {
        record.urn: {
            **record.resource,
            "id": f"{record.resource['inputs']['namespace']}/{record.release}",
            "outputs": record.resource["inputs"],
            "dependencies": [urn for urn in record.resource.get("dependencies") or () if urn in known],
            "propertyDependencies": {
                key: [urn for urn in urns or () if urn in known]
                for key, urns in (record.resource.get("propertyDependencies") or {}).items()
            },
        }
        for record in records
        if record.adopted
    }
    return list(new.values())


def outdated(state: Mapping[str, Any], records: Iterable[Record]) -> dict[str, Any]:
    """Return a state in which the releases of these records have another version than any program.

    How much of an unfinished revision is in the cluster is unknown, so Helm has to run again, whatever values
    the program has now. The plugin compares the version among the outputs with the program's.
    """
    urns = {record.urn for record in records}
    resources = [
        {**resource, "outputs": {**(resource.get("outputs") or {}), "version": _UNFINISHED}}
        if resource["urn"] in urns and not resource.get("delete")
        else resource
        for resource in resources_in_state(state)
    ]
    return {**state, "deployment": {**state["deployment"], "resources": resources}}


def unfinished(state: Mapping[str, Any]) -> list[str]:
    """Return the URNs of the releases that the next update has to run Helm for.

    A refresh would set their version again, and write secrets among the values in plain text.
    """
    return [
        resource["urn"]
        for resource in current_resources(state).values()
        if resource["type"] == RELEASE and (resource.get("outputs") or {}).get("version") == _UNFINISHED
    ]
