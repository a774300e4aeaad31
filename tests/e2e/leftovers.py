"""What an operation may leave behind: objects that no state knows, locks, plugins."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from tests.e2e.processes import process_files
from tests.e2e.sandbox.cluster import eventually

Kubectl = Callable[..., str]
"""Takes the words of a command, and acts in the namespace in question."""

OF_THE_CLUSTER = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
PASSING = {"events", "events.events.k8s.io", "endpoints", "leases.coordination.k8s.io", "pods.metrics.k8s.io"}
"""Kinds that the cluster makes and deletes by itself."""


def in_the_cluster(kubectl: Kubectl) -> set[str]:
    """Return every object of a namespace that no other object owns, of any kind."""
    [items] = eventually("all APIs answer", lambda: _items(kubectl))
    own = (item for item in items if not item["metadata"].get("ownerReferences"))
    return {_name(item) for item in own} - OF_THE_CLUSTER


def _items(kubectl: Kubectl) -> list[list[Any]]:
    """Return the list of all objects; nothing if some kind cannot be listed now.

    Another server that answers for one may need a while after a restart, and a test may delete its own kind.
    """
    try:
        kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
        expected = ",".join(kind for kind in kinds if kind not in PASSING)
        found = kubectl("get", expected, "--output=json", "--ignore-not-found")
    except CalledProcessError:
        return []
    return [json.loads(found or "{}").get("items", [])]


def in_the_state(deployment: Mapping[str, Any]) -> set[str]:
    """The objects in namespaces that a state knows, with the claims of its StatefulSets."""
    assert not deployment.get("pending_operations")
    resources = deployment.get("resources") or []
    outputs = [item["outputs"] for item in resources if item["type"].startswith("kubernetes:")]
    claims = {
        f"persistentvolumeclaim/{template['metadata']['name']}-{_name(item).partition('/')[2]}-0"
        for item in outputs
        if item["kind"] == "StatefulSet"
        for template in item["spec"].get("volumeClaimTemplates", [])
    }
    return {_name(item) for item in outputs if item["kind"] != "Namespace"} | claims


def _name(item: Mapping[str, Any]) -> str:
    return f"{item['kind'].lower()}/{item['metadata']['name']}"


def locks(state: Path, stack: str) -> list[Path]:
    """The locks of a stack in a backend of files."""
    return [path for path in (state / ".pulumi/locks").rglob("*.json") if stack in str(path)]


def plugins(project: Path) -> list[str]:
    """Plugins that were started in the project and still run."""
    lines = {pid: line.replace("\0", " ") for pid, line in process_files("cmdline").items()}
    return [
        line
        for pid, line in lines.items()
        if ("pulumi-resource-" in line or "pulumi-language-" in line)
        and Path(f"/proc/{pid}/cwd").resolve() == project
    ]
