"""Nodes that may run a pod, by their labels and taints.

https://kubernetes.io/docs/concepts/scheduling-eviction/
"""

from typing import Any

from slipway.cluster.capacity import Node
from slipway.preview.rules.consequence import Manifest, get, items, mapping
from slipway.preview.rules.workloads import selects

_REQUIRED = (
    "affinity",
    "nodeAffinity",
    "requiredDuringSchedulingIgnoredDuringExecution",
    "nodeSelectorTerms",
)


def may_run(node: Node, pod: Manifest) -> bool:
    """Return whether a node has the labels that a pod asks for, and no taint that it does not tolerate."""
    if node.labels and not selects(mapping(get(pod, "nodeSelector")), node.labels):
        return False
    terms = items(get(pod, *_REQUIRED))
    if node.labels and terms and not any(selects(_expressions(term), node.labels) for term in terms):
        return False
    return all(_is_tolerated(taint, items(get(pod, "tolerations"))) for taint in node.taints)


def _expressions(term: Any) -> Manifest:
    return {"matchExpressions": items(get(term, "matchExpressions"))}


def _is_tolerated(taint: Manifest, tolerations: list[Any]) -> bool:
    return any(
        get(toleration, "effect") in (None, "", taint.get("effect"))
        and (
            (
                get(toleration, "operator") == "Exists"
                and get(toleration, "key") in (None, "", taint.get("key"))
            )
            or (
                get(toleration, "key") == taint.get("key")
                and (get(toleration, "value") or "") == (taint.get("value") or "")
            )
        )
        for toleration in tolerations
    )
