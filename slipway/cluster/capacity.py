"""The free capacity of a cluster. It needs the permission to list nodes, pods and quotas, and no more."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from slipway.cluster import kubectl
from slipway.cluster.quantities import amount
from slipway.errors import CapacityUnavailable, SlipwayError
from slipway.preview.rules import Cluster, Quota
from slipway.preview.rules.model import get, mapping
from slipway.preview.rules.resources import free_of

_TIMEOUT_S = 15


def read(config: Mapping[str, str], directory: Path) -> Cluster:
    """Return the capacity of the cluster that a stack is configured for.

    Args:
        config: the stack's configuration.
        directory: the project's, for a kubeconfig with a relative path.

    Raises:
        CapacityUnavailable: no context is configured, or kubectl, the cluster or its permission is missing.
    """
    context, kubeconfig = config.get("kubernetes:context"), config.get("kubernetes:kubeconfig")
    if not context:
        raise CapacityUnavailable("kubernetes:context is not set")
    try:
        cluster = kubectl.Cluster.from_values(context, kubeconfig, directory)
        return from_objects(
            cluster.get("nodes,pods,resourcequotas", "--all-namespaces", timeout_s=_TIMEOUT_S)
        )
    except SlipwayError as error:
        raise CapacityUnavailable(str(error).splitlines()[-1]) from None


def from_objects(objects: Iterable[Mapping[str, Any]]) -> Cluster:
    """Return the capacity that the API server's nodes, pods and quotas leave free."""
    kinds: dict[str, list[dict[str, object]]] = {"Node": [], "Pod": [], "ResourceQuota": []}
    for item in objects:
        kinds[str(item["kind"])].append(dict(item))
    quotas = tuple(
        Quota(
            str(get(quota, "metadata", "name")),
            str(get(quota, "metadata", "namespace")),
            {
                name: amount(hard) - amount(get(quota, "status", "used", name))
                for name, hard in mapping(get(quota, "status", "hard")).items()
            },
        )
        for quota in kinds["ResourceQuota"]
    )
    return Cluster(free_of(kinds["Node"], kinds["Pod"]), quotas)
