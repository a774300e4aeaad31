"""What is known of built-in kinds without asking a cluster (provider/pkg/kinds of the official plugin)."""

from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import Kind

_VERSIONS_BY_GROUP = """
    admissionregistration.k8s.io: v1 v1alpha1 v1beta1
    apiextensions.k8s.io: v1 v1beta1
    apiregistration.k8s.io: v1 v1beta1
    apps: v1 v1beta1 v1beta2
    auditregistration.k8s.io: v1alpha1
    autoscaling: v1 v2 v2beta1 v2beta2
    batch: v1 v1beta1 v2alpha1
    certificates.k8s.io: v1 v1alpha1 v1beta1
    coordination.k8s.io: v1 v1alpha1 v1alpha2 v1beta1
    core: v1
    discovery.k8s.io: v1 v1beta1
    events.k8s.io: v1 v1beta1
    extensions: v1beta1
    flowcontrol.apiserver.k8s.io: v1 v1alpha1 v1beta1 v1beta2 v1beta3
    meta: v1
    networking.k8s.io: v1 v1alpha1 v1beta1
    node.k8s.io: v1 v1alpha1 v1beta1
    policy: v1 v1beta1
    rbac.authorization.k8s.io: v1 v1alpha1 v1beta1
    resource.k8s.io: v1 v1alpha1 v1alpha2 v1alpha3 v1beta1 v1beta2
    scheduling.k8s.io: v1 v1alpha1 v1alpha2 v1beta1
    settings.k8s.io: v1alpha1
    storage.k8s.io: v1 v1alpha1 v1beta1
    storagemigration.k8s.io: v1alpha1 v1beta1
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KNOWN_GROUP_VERSIONS = frozenset(
    ["v1"]
    + [
        f"{group}/{version}"
        for group, _, versions in (line.strip().partition(": ") for line in _VERSIONS_BY_GROUP.split("\n"))
        for version in versions.split()
    ]
)
"""The apiVersions that are built in; those of CustomResources are not among them."""

_NAMESPACED = _words(
    """
    Binding ConfigMap ControllerRevision CronJob CSIStorageCapacity DaemonSet Deployment Endpoints
    EndpointSlice Event HorizontalPodAutoscaler Ingress Job Lease LimitRange NetworkPolicy
    PersistentVolumeClaim Pod PodDisruptionBudget PodTemplate ReplicaSet ReplicationController ResourceQuota
    Role RoleBinding Secret Service ServiceAccount StatefulSet
    """
)
_CLUSTER_SCOPED = _words(
    """
    APIService CertificateSigningRequest ClusterRole ClusterRoleBinding CSIDriver CSINode
    CustomResourceDefinition FlowSchema IngressClass MutatingWebhookConfiguration Namespace Node
    PersistentVolume PodSecurityPolicy PriorityClass PriorityLevelConfiguration RuntimeClass StorageClass
    ValidatingWebhookConfiguration VolumeAttachment
    """
)


def namespaced(kind: Kind) -> bool | None:
    """Whether a built-in kind, or its Patch or List, lives in namespaces; None if only the cluster knows."""
    if kind.api_version not in KNOWN_GROUP_VERSIONS:
        return None
    base = kind.kind.removesuffix("Patch").removesuffix("List")
    if base in _NAMESPACED:
        return True
    return False if base in _CLUSTER_SCOPED else None


def is_list(token: str) -> bool:
    """Whether a type token, as `kubernetes:core/v1:PodList`, names a list of built-in objects."""
    _, api_version, kind = token.split(":")
    return api_version in KNOWN_GROUP_VERSIONS and kind.endswith("List")


def is_patch(token: str, kind: str) -> bool:
    """Whether a resource only adds fields to an object that something else made, as `DeploymentPatch`."""
    return token.rpartition(":")[2] == f"{kind}Patch"


def is_crd(obj: Any) -> bool:
    """Whether the object defines a kind."""
    return obj.get("kind") == "CustomResourceDefinition" and str(obj.get("apiVersion")).startswith(
        "apiextensions.k8s.io/"
    )


def is_secret(obj: Any) -> bool:
    """Whether the object is a Secret."""
    return obj.get("kind") == "Secret" and Kind.of(obj).group in ("", "core")


def is_config_map(obj: Any) -> bool:
    """Whether the object is a ConfigMap."""
    return obj.get("kind") == "ConfigMap" and Kind.of(obj).group in ("", "core")
