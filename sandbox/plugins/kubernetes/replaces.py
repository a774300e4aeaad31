"""Which changes need a new object, because the API server refuses them (diff.go of the official plugin)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.plugins.kubernetes import kinds
from sandbox.plugins.kubernetes.awaiting_context import Kind, Object
from sandbox.plugins.kubernetes.values import is_map

IDENTITY = (".metadata.name", ".metadata.namespace")
"""What makes an object another one, whatever its kind."""


def _spec(fields: str, parent: str = ".spec") -> tuple[str, ...]:
    return tuple(f"{parent}.{field}" for field in fields.split())


_SELECTOR = (".spec.selector",)
_CONTAINER_FIELDS = """
    args command env image imagePullPolicy lifecycle livenessProbe ports readinessProbe resources
    securityContext stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeDevices
    volumeMounts workingDir
"""


_JOB = _spec("completions parallelism selector template")
_STATEFUL_SET = _spec("podManagementPolicy revisionHistoryLimit selector serviceName volumeClaimTemplates")
_BINDING = (".roleRef",)
_POD = (
    _spec(
        """
        affinity automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks hostAliases hostIPC
        hostNetwork hostPID hostname imagePullSecrets nodeName nodeSelector overhead preemptionPolicy priority
        priorityClassName readinessGates restartPolicy runtimeClassName schedulerName securityContext
        serviceAccount serviceAccountName shareProcessNamespace subdomain terminationGracePeriodSeconds
        volumes
        """
    )
    + _spec(_CONTAINER_FIELDS, ".spec.containers[*]")
    + _spec(_CONTAINER_FIELDS, ".spec.initContainers[*]")
)
_VOLUME = _spec(
    """
    awsElasticBlockStore azureDisk azureFile cephfs cinder csi fc flexVolume flocker gcePersistentDisk
    glusterfs hostPath iscsi local nfs photonPersistentDisk portworxVolume quobyte rbd scaleIO storageos
    vsphereVolume
    """
)

_CORE = {
    "PersistentVolume": _VOLUME,
    "PersistentVolumeClaim": _spec("accessModes selector storageClassName volumeName"),
    "Pod": _POD,
    "ResourceQuota": (".spec.scopes",),
    "Service": (".spec.clusterIP",),
}
_RBAC = ("v1alpha1", "v1beta1", "v1")

_FIELDS: Mapping[Kind, Sequence[str]] = {
    **{Kind("apps", version, "StatefulSet"): _STATEFUL_SET for version in ("v1beta1", "v1beta2", "v1")},
    **{Kind("apps", version, "DaemonSet"): _SELECTOR for version in ("v1beta2", "v1")},
    **{Kind("apps", version, "Deployment"): _SELECTOR for version in ("v1beta2", "v1")},
    **{Kind(group, "v1", kind): fields for group in ("core", "") for kind, fields in _CORE.items()},
    Kind("policy", "v1beta1", "PodDisruptionBudget"): (".spec",),
    **{Kind("rbac.authorization.k8s.io", version, "ClusterRoleBinding"): _BINDING for version in _RBAC},
    **{Kind("rbac.authorization.k8s.io", version, "RoleBinding"): _BINDING for version in _RBAC},
    Kind("storage.k8s.io", "v1", "StorageClass"): (".parameters", ".provisioner"),
    **{Kind("batch", version, "Job"): _JOB for version in ("v1beta1", "v1", "v2alpha1")},
}


def fields_that_replace(obj: Object, *, mutable_config_maps: bool, mutable_secrets: bool) -> list[str]:
    """The paths whose change replaces the object.

    The data of ConfigMaps and Secrets are among them unless the provider's `enableConfigMapMutable` or
    `enableSecretMutable` says otherwise and the object is not `immutable`. The type of a Secret always is.
    """
    immutable = obj.get("immutable") is True
    if kinds.is_secret(obj):
        fixed = immutable or not mutable_secrets
        return [*IDENTITY, ".type", *((".stringData", ".data") if fixed else ())]
    if kinds.is_config_map(obj):
        fixed = immutable or not mutable_config_maps
        return [*IDENTITY, *((".binaryData", ".data") if fixed else ())]
    return [*IDENTITY, *_FIELDS.get(Kind.of(obj), ())]


def replaces(path: Sequence[str | int], value: Any, fields: Sequence[str]) -> bool:
    """Whether the change of the value at a path touches one of the fields."""
    return any(_touches(path, value, field) for field in fields)


def _touches(path: Sequence[str | int], value: Any, field: str) -> bool:
    """Whether the JSONPath `field` finds something in an object that has nothing but the value at the path.

    As in k8s.io/client-go/util/jsonpath, below a null or in an empty list the search ends without an answer,
    and that the official plugin takes for a find unless the last word is that a key is missing.
    """
    found: list[Any] = [_nested(path, value)]
    for key in field[1:].replace("[*]", ".*").split("."):
        if key == "*":
            items = [item for item in found if item is not None]
            if any(not isinstance(item, list) for item in items):
                return True
            found = [element for item in items for element in item]
        elif found:
            found = [item[key] for item in found if is_map(item) and key in item]
            if not found:
                return False
    return True


def _nested(path: Sequence[str | int], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value} if isinstance(key, str) else [value]
    return value
