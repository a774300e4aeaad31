"""Which kinds are awaited, and how (provider/pkg/await/awaiters.go of the official provider).

All other kinds count as ready once the API server took them. API versions that no supported Kubernetes serves
any more (extensions/v1beta1, apps/v1beta1, apps/v1beta2, networking.k8s.io/v1beta1) are left out.
"""

import math
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.plugins.kubernetes.awaiting import (
    daemonsets,
    deployments,
    expressions,
    ingresses,
    jobs,
    others,
    pods,
    services,
    statefulsets,
    storage,
)
from sandbox.plugins.kubernetes.awaiting.annotations import WAIT_FOR
from sandbox.plugins.kubernetes.awaiting.fields import uid_of
from sandbox.plugins.kubernetes.awaiting.verdict import Observed
from sandbox.plugins.kubernetes.awaiting_context import Kind, Object
from sandbox.plugins.kubernetes.objects import annotations, name_of, pluck

CLAIM = Kind("", "v1", "PersistentVolumeClaim")
ENDPOINTS = Kind("", "v1", "Endpoints")
EVENT = Kind("", "v1", "Event")
POD = Kind("", "v1", "Pod")
REPLICA_SET = Kind("apps", "v1", "ReplicaSet")
SECRET = Kind("", "v1", "Secret")
SERVICE = Kind("", "v1", "Service")
STORAGE_CLASS = Kind("storage.k8s.io", "v1", "StorageClass")


class Wording(NamedTuple):
    """How the end of a wait without success is told."""

    timed_out: str
    cancelled: str


READY = Wording("'{name}' timed out waiting to be Ready", 'Resource operation was cancelled for "{name}"')
POLLED = Wording("Timeout occurred polling for '{name}'", "Resource operation was cancelled for '{name}'")
CONDITION = Wording("timed out waiting for the condition", "context canceled")


@dataclass(frozen=True)
class Awaiter:
    """How a kind is awaited."""

    judge: expressions.Judge
    related: tuple[Kind, ...] = ()
    """What is watched beside the object itself, in its namespace."""
    diagnosed: tuple[Kind, ...] = (EVENT, CLAIM)
    """What is read besides, to name the cause of a failure."""
    wording: Wording = READY
    longest: float = math.inf
    """Seconds after which the wait ends even where the user allows more: as the official provider has it."""
    reads: bool = False
    """Whether a refresh judges the object too."""
    cumulative: bool = False
    """Whether reasons that no longer hold are told too: the Pods of a failed Job may be gone."""
    settles: Callable[[Observed], Hashable] | None = None
    """What of the related objects has to settle: a state, None as long as there is none."""
    settle_idle: float | None = None
    """Seconds after which a state that never came to be counts as settled; None: it never does."""


def _state(objects: list[Object]) -> Hashable:
    return frozenset((uid_of(obj), pluck(obj, "metadata", "resourceVersion")) for obj in objects) or None


def _own_endpoints(seen: Observed) -> Hashable:
    return _state([obj for obj in seen.all("Endpoints") if name_of(obj) == name_of(seen.object)])


def _all_endpoints(seen: Observed) -> Hashable:
    return _state(list(seen.all("Endpoints")))


GENERIC = Awaiter(others.judge_generic, wording=CONDITION)

_AWAITERS = {
    Kind("apps", "v1", "DaemonSet"): Awaiter(daemonsets.judge, (POD,), wording=CONDITION, reads=True),
    Kind("apps", "v1", "Deployment"): Awaiter(
        deployments.judge, (REPLICA_SET, POD, CLAIM), (EVENT,), reads=True
    ),
    Kind("apps", "v1", "StatefulSet"): Awaiter(statefulsets.judge, (POD,), reads=True),
    Kind("batch", "v1", "Job"): Awaiter(jobs.judge, (POD,), reads=True, cumulative=True),
    Kind("networking.k8s.io", "v1", "Ingress"): Awaiter(
        ingresses.judge, (ENDPOINTS, SERVICE), (), reads=True, settles=_all_endpoints, settle_idle=60
    ),
    POD: Awaiter(pods.judge, reads=True),
    SERVICE: Awaiter(services.judge, (ENDPOINTS,), (), reads=True, settles=_own_endpoints),
    CLAIM: Awaiter(storage.judge_claim, (STORAGE_CLASS,), (EVENT,), POLLED, longest=300),
    Kind("", "v1", "PersistentVolume"): Awaiter(storage.judge_volume, (), (), POLLED, longest=300),
    Kind("", "v1", "ReplicationController"): Awaiter(
        others.judge_replication_controller, (), (POD, EVENT, CLAIM), POLLED
    ),
    Kind("", "v1", "ResourceQuota"): Awaiter(others.judge_resource_quota, (), (), POLLED, longest=60),
    SECRET: Awaiter(others.judge_token, (), (EVENT,), POLLED, longest=5),
}


def awaiter_for(live: Object) -> Awaiter | None:
    """How an object is awaited; None for a kind that is not.

    Raises ValueError where `pulumi.com/waitFor` is not understood.
    """
    wanted = annotations(live).get(WAIT_FOR, "")
    if wanted:
        return Awaiter(expressions.parse(wanted), diagnosed=(EVENT,), wording=CONDITION)
    return built_in(live) or (GENERIC if os.environ.get("PULUMI_K8S_AWAIT_ALL") == "true" else None)


def built_in(live: Object) -> Awaiter | None:
    """How the object's kind is awaited when nothing else is asked for; None where it is not."""
    kind = Kind.of(live)
    if kind == SECRET and live.get("type") != "kubernetes.io/service-account-token":
        return None
    return _AWAITERS.get(kind)
