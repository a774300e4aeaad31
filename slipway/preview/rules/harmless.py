"""Properties whose change is known to be harmless, each with its condition and its source.

A change of any other property needs attention, unless a rule reports what it does: unknown_effects.py.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from slipway.preview.rules import docker
from slipway.preview.rules import harmless_conditions as conditions
from slipway.preview.rules import harmless_configuration as configuration
from slipway.preview.rules.harmless_conditions import Context

_API = "https://kubernetes.io/docs/reference/kubernetes-api/"
_CONCEPTS = "https://kubernetes.io/docs/concepts/"
_METADATA = _CONCEPTS + "overview/working-with-objects/labels/#syntax-and-character-set"
_DEPLOYMENT = _CONCEPTS + "workloads/controllers/deployment/"
_PROBES = _CONCEPTS + "configuration/liveness-readiness-startup-probes/"
_RESOURCES = _CONCEPTS + "configuration/manage-resources-containers/"
_SERVICE = _CONCEPTS + "services-networking/service/"
_POD = _API + "workload-resources/pod-v1/"
_JOBS = _CONCEPTS + "workloads/controllers/cron-jobs/"


@dataclass(frozen=True)
class Harmless:
    """A property that is known to be harmless."""

    pattern: str
    """Kinds and path, as in differences.matches()."""
    when: str
    """The condition in words."""
    source: str
    condition: Callable[[Context], bool]


def _always(_: Context) -> bool:
    return True


HARMLESS: tuple[Harmless, ...] = tuple(
    Harmless(pattern, when, source, condition)
    for when, condition, source, patterns in (
        ("always", _always, "https://www.pulumi.com/registry/packages/kubernetes/", (
            "metadata.creationTimestamp", "template.creationTimestamp",
        )),
        ("another version of the same API group", conditions.same_api,
         "https://kubernetes.io/docs/reference/using-api/#api-groups", ("apiVersion",)),
        ("no selector of the stack matches by it, and no controller owns its prefix",
         conditions.label_is_unread, _METADATA, ("metadata.labels.*", "template.labels.*")),
        ("no controller owns its prefix, or its name says that it is documentation",
         conditions.annotation_is_unread, _METADATA, ("metadata.annotations.*", "template.annotations.*")),
        ("the same name, pinned by a digest, and not an older version", conditions.ordinary_image,
         _CONCEPTS + "containers/images/#image-names", ("pod.*ontainers.*.image",)),
        ("the image is pinned by a digest, and the policy is not Never", conditions.pinned_image,
         _CONCEPTS + "containers/images/#image-pull-policy", ("pod.*ontainers.*.imagePullPolicy",)),
        ("added or changed, with references that the stack satisfies", configuration.variable_stays,
         _CONCEPTS + "configuration/configmap/",
         ("pod.*ontainers.*.env.*", "pod.*ontainers.*.env.*.value", "pod.*ontainers.*.env.*.valueFrom.**")),
        ("no key is lost, and all pods that read it restart, or none reads the key",
         configuration.content_stays,
         _CONCEPTS + "configuration/configmap/", (
             "pod.*ontainers.*.envFrom", "pod.volumes.*.configMap.name", "pod.volumes.*.secret.secretName",
             "ConfigMap,Secret:metadata.name", "ConfigMap,Secret:data.*", "ConfigMap,Secret:binaryData.*",
             "ConfigMap,Secret:stringData.*",
         )),
        ("raised, or set where there was none, but not below the limit", conditions.raised_request,
         _RESOURCES,
         ("pod.*ontainers.*.resources.requests.cpu", "pod.*ontainers.*.resources.requests.memory")),
        ("raised", conditions.raised_from_a_value, _RESOURCES, (
            "pod.*ontainers.*.resources.limits.cpu", "pod.*ontainers.*.resources.limits.memory",
            "pod.*ontainers.*.resources.limits.ephemeral-storage",
        )),
        ("raised", conditions.raised_from_a_value, _POD + "#lifecycle",
         ("pod.terminationGracePeriodSeconds", "pod.volumes.*.emptyDir.sizeLimit")),
        ("more time until a probe gives up", conditions.raised_from_a_value, _PROBES,
         tuple(f"pod.containers.*.{probe}Probe.{field}" for probe in ("liveness", "startup")
               for field in ("failureThreshold", "timeoutSeconds", "periodSeconds", "initialDelaySeconds"))),
        ("more time until a probe gives up", conditions.raised_from_a_value, _PROBES,
         ("pod.containers.*.readinessProbe.failureThreshold",
          "pod.containers.*.readinessProbe.timeoutSeconds")),
        ("added, with the action of the liveness probe and no less time", conditions.patient_start, _PROBES,
         ("pod.containers.*.startupProbe", "pod.containers.*.startupProbe.**")),
        ("a pause that its grace period leaves time for", conditions.pause_fits, _POD + "#lifecycle",
         ("pod.containers.*.lifecycle.preStop.sleep.seconds",)),
        ("added", conditions.added, _POD + "#ports", ("pod.containers.*.ports.*",)),
        ("added, empty or of the stack, and not over another mount or the program",
         configuration.added_volume, _CONCEPTS + "storage/volumes/",
         ("pod.volumes.*", "pod.*ontainers.*.volumeMounts.*")),
        ("added, with a Secret of the stack", configuration.added_pull_secret,
         _CONCEPTS + "containers/images/#specifying-imagepullsecrets-on-a-pod", ("pod.imagePullSecrets.*",)),
        ("another user who owns no files of a volume", conditions.owns_no_files,
         "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
         ("pod.securityContext.runAsUser", "pod.securityContext.runAsGroup", "pod.securityContext.fsGroup",
          "pod.*ontainers.*.securityContext.runAsUser", "pod.*ontainers.*.securityContext.runAsGroup")),
        ("always: a preference", _always, _CONCEPTS + "scheduling-eviction/assign-pod-node/", (
            "pod.affinity.*.preferredDuringSchedulingIgnoredDuringExecution",
        )),
        ("all of them only preferences", conditions.preferred_spread,
         _CONCEPTS + "scheduling-eviction/topology-spread-constraints/", ("pod.topologySpreadConstraints",)),
        ("at least 1", conditions.at_least_one, _DEPLOYMENT + "#clean-up-policy",
         ("spec.revisionHistoryLimit",)),
        ("always: when the rollout counts as failed", _always, _DEPLOYMENT + "#progress-deadline-seconds",
         ("Deployment:spec.progressDeadlineSeconds",)),
        ("raised", conditions.raised, _DEPLOYMENT + "#min-ready-seconds",
         ("Deployment,StatefulSet,DaemonSet:spec.minReadySeconds",)),
        ("raised, and a second pod may run beside the first", conditions.no_fewer_pods,
         _DEPLOYMENT + "#scaling-a-deployment", ("Deployment,StatefulSet,ReplicaSet:spec.replicas",)),
        ("at least half of the pods stay during a rollout", conditions.keeps_half, _DEPLOYMENT + "#strategy",
         ("Deployment:spec.strategy.rollingUpdate.*",)),
        ("claims are retained", conditions.is_retained,
         _CONCEPTS + "workloads/controllers/statefulset/#persistentvolumeclaim-retention",
         ("StatefulSet:spec.persistentVolumeClaimRetentionPolicy.*",)),
        ("as often as before, at another minute, hour or day", conditions.as_often,
         _JOBS + "#schedule-syntax", ("CronJob:spec.schedule",)),
        ("always: records of finished jobs", _always, _JOBS + "#jobs-history-limits",
         ("CronJob:spec.successfulJobsHistoryLimit", "CronJob:spec.failedJobsHistoryLimit")),
        ("always: records of finished jobs", _always,
         _CONCEPTS + "workloads/controllers/ttlafterfinished/",
         ("CronJob:spec.jobTemplate.spec.ttlSecondsAfterFinished",)),
        ("raised or removed", conditions.raised_or_removed,
         _CONCEPTS + "workloads/controllers/ttlafterfinished/", ("Job:spec.ttlSecondsAfterFinished",)),
        ("the old Job stays in the cluster", conditions.is_kept, "https://www.pulumi.com/docs/iac/concepts/resources/options/retainondelete/",
         ("Job:metadata.name",)),
        ("raised, but not from 0", conditions.retries, _CONCEPTS + "workloads/controllers/job/",
         ("Job:spec.backoffLimit", "CronJob:spec.jobTemplate.spec.backoffLimit")),
        ("raised or removed", conditions.raised_or_removed, _CONCEPTS + "policy/resource-quotas/",
         ("ResourceQuota:spec.hard.*",)),
        ("added", conditions.added, _SERVICE + "#multi-port-services",
         ("Service:spec.ports.*", "Service:spec.ports.*.name")),
        ("the same pods", conditions.leads_to_the_same_pods, _SERVICE,
         ("Service:spec.selector.*", "Service:spec.ports.*.targetPort")),
        ("the same port of the same Service", conditions.same_routes,
         _CONCEPTS + "services-networking/ingress/#the-ingress-resource",
         ("Ingress:spec.rules", "HTTPRoute:spec.rules")),
        ("more pods, or another target of the same metric", conditions.scales_no_less,
         "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
         ("HorizontalPodAutoscaler:spec.*Replicas", "HorizontalPodAutoscaler:spec.metrics")),
        ("a drain still stops some pods, and not all", conditions.budget_works,
         "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
         ("PodDisruptionBudget:spec.**",)),
        ("the sum of the policies for each pod of the stack", conditions.policies_add_up,
         _CONCEPTS + "services-networking/network-policies/", ("NetworkPolicy:spec.**",)),
        ("the same rights in another form", conditions.same_rights,
         "https://kubernetes.io/docs/reference/access-authn-authz/rbac/",
         ("Role,ClusterRole:rules", "RoleBinding,ClusterRoleBinding:subjects")),
        ("what a RemoteImage has pulled, or the same name, pinned by a digest", docker.pulled_image,
         "https://www.pulumi.com/registry/packages/docker/api-docs/remoteimage/",
         ("Container:image", "RemoteImage:name")),
        ("variables are added or changed, and none is removed", docker.variables_stay,
         "https://docs.docker.com/engine/containers/run/#env-environment-variables", ("Container:envs",)),
        ("raised, from a limit that there was", docker.raised_limit,
         "https://docs.docker.com/engine/containers/resource_constraints/",
         ("Container:cpus", "Container:cpuShares", "Container:memory", "Container:memorySwap",
          "Container:memoryReservation")),
        ("raised, from a limit that there was", docker.raised_limit,
         "https://docs.docker.com/reference/cli/docker/container/stop/",
         ("Container:stopTimeout", "Container:destroyGraceSeconds")),
        ("always: how long an update waits", _always,
         "https://www.pulumi.com/registry/packages/docker/api-docs/container/", ("Container:waitTimeout",)),
    )
    for pattern in patterns
)  # fmt: skip
"""The list; the first entry that matches decides."""

CREATED = {
    "ConfigMap", "CronJob", "DaemonSet", "Deployment", "Gateway", "HTTPRoute", "HorizontalPodAutoscaler",
    "Ingress", "Job", "Namespace", "NetworkPolicy", "PersistentVolumeClaim", "Pod", "PodDisruptionBudget",
    "ReplicaSet", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "Secret", "Service",
    "ServiceAccount", "StatefulSet",
}  # fmt: skip
"""Kinds whose new objects are harmless when no rule reports them: nothing used them before."""
TYPES = {
    "docker-build:index:Image": "builds; what runs is named by the objects that use the image",
    "pulumi:providers:": "a provider that is created or deleted; a changed one needs attention",
    "docker:index/container:Container": "a rule reports ports that others reach, and privileges",
    "docker:index/network:Network": "nothing used it before; a deleted one is reported",
    "docker:index/remoteImage:RemoteImage": "is pulled; what runs is named by the containers that use it",
    "docker:index/volume:Volume": "nothing used it before; a deleted one is reported",
    "pulumi:index:Stash": "a value; what it changes is named by the objects that use it",
    "random:": "a value; what it changes is named by the objects that use it",
}
"""Types of other resources, by the beginning of their names, whose creation is harmless."""


def is_harmless(context: Context) -> bool:
    """Return whether the list has a difference, and its condition holds."""
    return any(item.condition(context) for item in HARMLESS if context.difference.matches(item.pattern))


def page() -> str:
    """Return the list as a page of the documentation."""
    entries: dict[tuple[str, str], list[str]] = {}
    for item in HARMLESS:
        entries.setdefault((item.when, item.source), []).append(f"  - `{item.pattern}`")
    listed = [
        line
        for (when, source), patterns in entries.items()
        for line in (f"- **{when}**", f"  <{source}>", *patterns)
    ]
    types = [f"- `{beginning}`: {reason}" for beginning, reason in TYPES.items()]
    kinds = textwrap.fill(", ".join(sorted(CREATED)), 110)
    return "\n".join((_HEAD, *listed, _KINDS.format(kinds=kinds), *types, ""))


_HEAD = """# Harmless changes

`python -c "from slipway.preview.rules.harmless import page; print(page(), end='')"` writes this page.
A test compares it with the rules.

A preview calls a change safe only if this list has every property that changes, and each condition holds.
A rule may still report more about it, such as pods for which no node has capacity.
A property that is in no rule and not here needs attention: its effect is not known.

- `pod` and `template` stand for the spec and the metadata of a pod template, in every kind of workload.
- `*` stands for one key or name, and `**` for any number of them.
- A default that a program states, or no longer states, is not a change.

Each condition stands before its source and its properties.
"""
_KINDS = """
## New objects

New objects of these kinds are harmless when no rule reports them, because nothing used them before:
{kinds}.

Other new resources are harmless if their type begins with one of these:
"""
