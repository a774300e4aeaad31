"""Keys of labels and annotations: which belong to users, and which selectors read them.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.preview.rules.consequence import Situation, mapping

# A prefix is the domain of a controller; keys without a prefix belong to the users.
_UNREAD_PREFIXES = ("app.kubernetes.io", "helm.sh/chart", "meta.helm.sh", "checksum", "slipway")
_UNREAD = {
    "pulumi.com/timeoutSeconds", "pulumi.com/skipAwait", "pulumi.com/waitFor", "pulumi.com/autonamed",
    "kubectl.kubernetes.io/restartedAt", "kubectl.kubernetes.io/last-applied-configuration",
    "kubernetes.io/change-cause", "kubernetes.io/description", "deployment.kubernetes.io/revision",
    "pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/warn-version",
    "pod-security.kubernetes.io/audit", "pod-security.kubernetes.io/audit-version",
}  # fmt: skip
_READ_WITHOUT_PREFIX = {"istio-injection"}
# https://ambassadorlabs.github.io/k8s-for-humans/
_DOCUMENTATION = {
    "description", "owner", "team", "contact", "chat", "bugs", "documentation", "repository", "support",
    "runbook", "incidents", "dependencies", "cost-center",
}  # fmt: skip


def belongs_to_users(key: str) -> bool:
    """Return whether no controller reads a label or annotation with this key."""
    documents = key.rpartition("/")[2].lower() in _DOCUMENTATION
    if documents or key in _UNREAD or key.startswith(_UNREAD_PREFIXES):
        return True
    return "/" not in key and key not in _READ_WITHOUT_PREFIX


def selectors(situation: Situation) -> tuple[Any, ...]:
    """Return the different selectors in the objects of the stack, before and after."""
    return situation.once("selectors", lambda: _distinct(_selectors(situation)))


def _distinct(values: Iterator[Any]) -> tuple[Any, ...]:
    return tuple({repr(value): value for value in values}.values())


def _selectors(situation: Situation) -> Iterator[Any]:
    for item in (*situation.before, *situation.after):
        yield from _within(item.manifest)


def _within(value: Any, parent: str = "") -> Iterator[Any]:
    """Yield selectors; custom resources select by `labels` too, which elsewhere are part of the metadata."""
    if isinstance(value, list):
        for item in value:
            yield from _within(item, parent)
    for key, item in mapping(value).items():
        by_labels = key == "labels" and parent not in ("", "metadata")
        if (by_labels or str(key).lower().endswith("selector")) and isinstance(item, Mapping):
            yield item
        yield from _within(item, str(key))
