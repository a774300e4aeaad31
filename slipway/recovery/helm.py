"""Helm's own records of releases: a Secret in the release's namespace for each revision.

If the plugin is killed during a revision, the revision stays pending, and Helm refuses further revisions of
the release. Deleting the record ends that: the next revision takes over the objects, which carry the
release's name. https://helm.sh/docs/topics/advanced/#storage-backends
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import resources_in_state
from slipway.preview.rules.consequence import RELEASE

_PENDING = "status in (pending-install, pending-upgrade, pending-rollback)"


@dataclass(frozen=True)
class Record:
    """The record of a revision that has begun and not ended."""

    urn: str
    """The resource that the release is in Pulumi."""
    release: str
    namespace: str
    secret: str
    """The record's name: sh.helm.release.v1.cache.v2."""

    def __str__(self) -> str:
        return f"the record {self.secret} of an unfinished revision of Helm release {self.release}"


def unfinished(cluster: Cluster, resources: Iterable[Mapping[str, Any]]) -> Iterator[Record]:
    """Yield the records of the unfinished revisions of the releases in a state."""
    for resource in resources:
        inputs = resource.get("inputs") or {}
        name, namespace = inputs.get("name"), inputs.get("namespace")
        if resource["type"] != RELEASE or not isinstance(name, str) or not isinstance(namespace, str):
            continue
        selector = f"--selector=owner=helm,name={name},{_PENDING}"
        for secret in cluster.get("secrets", "-n", namespace, selector):
            yield Record(resource["urn"], name, namespace, secret["metadata"]["name"])


def outdated(state: Mapping[str, Any], records: Iterable[Record]) -> dict[str, Any]:
    """Return a state in which the releases of these records have another version than any program.

    How much of an unfinished upgrade is in the cluster is unknown, so Helm has to run again, whatever values
    the program has now. The plugin compares the version among the outputs with the program's.
    """
    urns = {record.urn for record in records}
    resources = [
        {**resource, "outputs": {**(resource.get("outputs") or {}), "version": "unfinished"}}
        if resource["urn"] in urns
        else resource
        for resource in resources_in_state(state)
    ]
    return {**state, "deployment": {**state["deployment"], "resources": resources}}


def delete(cluster: Cluster, records: Iterable[Record]) -> None:
    """Delete records; their objects stay."""
    for record in records:
        cluster.kubectl("delete", "secret", record.secret, "-n", record.namespace, "--ignore-not-found")
