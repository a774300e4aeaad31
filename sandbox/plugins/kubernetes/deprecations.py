"""Which built-in kinds are on their way out (provider/pkg/kinds/deprecated.go of the official plugin)."""

from typing import NamedTuple

from sandbox.plugins.kubernetes.awaiting_context import Kind
from sandbox.plugins.kubernetes.normalize import schema

Version = tuple[int, int]
"""A major and minor version of Kubernetes."""

_NEVER = (0, 0)

# Kinds whose Go types are gone or live elsewhere, and replacements that the types do not name.
_MANUAL = {
    "apiextensions.k8s.io/v1beta1/CustomResourceDefinition": "1.7 1.22 apiextensions.k8s.io/v1",
    "apiregistration.k8s.io/v1beta1/APIService": "1.10 0.0 apiregistration.k8s.io/v1",
    "autoscaling/v2beta1/HorizontalPodAutoscaler": "1.8 1.25 autoscaling/v2",
    "autoscaling/v2beta2/HorizontalPodAutoscaler": "1.12 1.26 autoscaling/v2",
    "batch/v2alpha1/CronJob": "1.8 1.21 batch/v1",
    "extensions/v1beta1/PodSecurityPolicy": "1.3 1.16 policy/v1beta1",
    "policy/v1/PodSecurityPolicy": "1.9 1.25",
    "policy/v1beta1/PodSecurityPolicy": "1.3 1.25",
    "rbac.authorization.k8s.io/v1alpha1/ClusterRole": "1.6 1.20 rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1alpha1/ClusterRoleBinding": "1.6 1.20 rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1alpha1/Role": "1.6 1.20 rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1alpha1/RoleBinding": "1.6 1.20 rbac.authorization.k8s.io/v1",
    "resource.k8s.io/v1beta1/DeviceClass": "1.32 1.38 resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1/ResourceClaim": "1.32 1.38 resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1/ResourceClaimTemplate": "1.32 1.38 resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1/ResourceSlice": "1.32 1.38 resource.k8s.io/v1beta2",
    "scheduling.k8s.io/v1alpha1/PriorityClass": "1.10 1.17 scheduling.k8s.io/v1",
}


class _Lifecycle(NamedTuple):
    introduced: Version
    removed: Version
    replacement: str


def removal(kind: Kind, server: Version) -> str | None:
    """What to tell the user of a kind that this server does not have any more."""
    removed = _lifecycle(_full(kind)).removed
    if removed == _NEVER or server < removed:
        return None
    major, minor = removed
    return (
        f'apiVersion "{_full(kind)}" was removed in Kubernetes {major}.{minor}. '
        f'Use "{_suggested(kind)}" instead.\n'
        f"See https://git.k8s.io/kubernetes/CHANGELOG/CHANGELOG-{major}.{minor}.md#deprecation "
        "for more information."
    )


def deprecation(kind: Kind, server: Version) -> str | None:
    """What to tell the user of a kind that has a replacement on this server."""
    suggested = _suggested(kind)
    if suggested == _full(kind) or server < _lifecycle(suggested).introduced:
        return None
    major, minor = removed = _lifecycle(_full(kind)).removed
    end = "." if removed == _NEVER else f" and not supported by Kubernetes v{major}.{minor}+ clusters."
    return f"{_full(kind)} is deprecated by {suggested}{end}"


def _full(kind: Kind) -> str:
    return f"{kind.api_version}/{kind.kind}"


def _suggested(kind: Kind) -> str:
    return _lifecycle(_full(kind)).replacement or _full(kind)


def _lifecycle(name: str) -> _Lifecycle:
    if name in _MANUAL:
        introduced, removed, *replacement = _MANUAL[name].split()
        replacement = [f"{group_version}/{name.rpartition('/')[2]}" for group_version in replacement]
    else:
        introduced, removed, *replacement = schema()["lifecycles"].get(name, ("1.9", "0.0"))
    return _Lifecycle(_version(introduced), _version(removed), replacement[0] if replacement else "")


def _version(text: str) -> Version:
    major, _, minor = text.partition(".")
    return int(major), int(minor)
