"""Every cause of failure, brought about on the real cluster, is named by the error that the user gets."""

import asyncio
import re

import pytest

from sandbox.plugins.kubernetes.awaiting_context import Object
from tests.e2e.plugins.awaiting_cluster import (
    CRASH,
    LAST_WORDS,
    NO_IMAGE,
    TOO_MUCH,
    Outcome,
    claim,
    cluster,
    ingress,
    job,
    pod,
    pod_spec,
    quota,
    service,
    workload,
)

TIMEOUT = 15
"""Seconds for all waits, which run side by side. A crash shows after some 5 s on a busy machine."""

BIG = {"resources": {"requests": {"memory": "900Gi", "cpu": "1m"}}}
IMAGE = {"image": NO_IMAGE}
PROBED = {"readinessProbe": {"exec": {"command": ["sh", "-c", "echo not yet; exit 1"]}, "periodSeconds": 1}}
SETTINGS = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
MOUNTS = {"volumeMounts": [{"name": "settings", "mountPath": "/settings"}]}
MOUNTED = {"volumes": [{"name": "settings", "configMap": {"name": "settings"}}]}
CLAIMED = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "unclassed"}}]}
INIT = {"initContainers": [{**pod_spec(CRASH, {}, {})["containers"][0], "name": "migrate"}]}

NOT_LIVE = "^Minimum number of live Pods was not attained"
NO_REPLICA = "^0 out of 1 replicas succeeded readiness checks"
PULL = r"\[(ErrImagePull|ImagePullBackOff)\] .*" + re.escape(NO_IMAGE)
CRASHED = rf"exit code 3\)\n{LAST_WORDS}"
NO_NODE = r": 0/2 nodes are available: 2 Insufficient memory"
REFUSED = r"\[FailedCreate\] .*exceeded quota: small, requested: requests.cpu=2"
MISSING = r'.*configmap "settings" not found'
NOT_BOUND = r'^Failed to bind PersistentVolumeClaim\(s\): "unclassed"'
UNCLASSED = r'\[ProvisioningFailed\] .*"missing-class" not found'

READY = "'{}' timed out waiting to be Ready"
CONDITION = "timed out waiting for the condition"
INITIALIZE = "Resource '{}' was created but failed to initialize"
POLL = "Timeout occurred polling for '{}'"

CASES: list[tuple[Object, str, list[str]]] = [
    (workload("Deployment", "image", container=IMAGE), READY, [NOT_LIVE, PULL]),
    (workload("Deployment", "crash", command=CRASH, minReadySeconds=60), READY, [NOT_LIVE, CRASHED]),
    (workload("Deployment", "big", container=BIG), READY, [NOT_LIVE, NO_NODE]),
    (workload("Deployment", "quota", container=TOO_MUCH), READY, [NOT_LIVE, REFUSED]),
    (
        workload("Deployment", "probe", container=PROBED),
        READY,
        [r"\[Unhealthy\] Readiness probe failed: not yet"],
    ),
    (
        workload("Deployment", "settings", container=SETTINGS),
        READY,
        [r"CreateContainerConfigError\] " + MISSING],
    ),
    (
        workload("Deployment", "mount", container=MOUNTS, pod=MOUNTED),
        READY,
        [r"\[FailedMount\] .*" + MISSING],
    ),
    (workload("Deployment", "init", pod=INIT), READY, [r"incomplete status: \[migrate\]", CRASHED]),
    (workload("Deployment", "claim", pod=CLAIMED), READY, [NOT_BOUND, UNCLASSED]),
    (workload("StatefulSet", "crash", command=CRASH, container=PROBED), READY, [NO_REPLICA, CRASHED]),
    (workload("StatefulSet", "quota", container=TOO_MUCH), READY, [NO_REPLICA, REFUSED]),
    (workload("DaemonSet", "image", container=IMAGE), CONDITION, ["^Available: 0/2", PULL]),
    (workload("DaemonSet", "quota", container=TOO_MUCH), CONDITION, ["^Current: 0/2", REFUSED]),
    (job("crash", command=CRASH), INITIALIZE, [r"\[BackoffLimitExceeded\]", "exit code 3", LAST_WORDS]),
    (job("slow", activeDeadlineSeconds=3), INITIALIZE, [r"\[DeadlineExceeded\] Job was active longer"]),
    (job("quota", container=TOO_MUCH), READY, [REFUSED]),
    (pod("image", container=IMAGE), READY, [PULL]),
    (pod("crash", command=CRASH, container=PROBED), READY, [CRASHED]),
    (pod("big", container=BIG), READY, [NO_NODE]),
    (service("probe", "Deployment-probe"), READY, ["^Service does not target any Pods", "not ready: probe-"]),
    (service("balanced", "none", type="LoadBalancer"), READY, ["^Service was not allocated an IP address"]),
    (claim("unclassed", "missing-class"), POLL, ["^PersistentVolumeClaim is Pending", UNCLASSED]),
    (claim("unbound", ""), POLL, [r"\[FailedBinding\] no persistent volumes .* no storage class is set"]),
    (ingress("shop", "nothing"), READY, ["^Ingress .status.loadBalancer field was not updated"]),
]


def _key(obj: Object) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"


@pytest.fixture(scope="module")
def outcomes(sandbox: dict[str, str]) -> dict[str, Outcome]:
    """All failures at once, each awaited for at most TIMEOUT seconds."""
    return asyncio.run(_fail(sandbox))


async def _fail(environment: dict[str, str]) -> dict[str, Outcome]:
    async with cluster(environment) as here:
        await here.create(quota("small", {"requests.cpu": "1"}))

        async def fail(obj: Object) -> tuple[str, Outcome]:
            live = await here.create(obj)
            return _key(obj), await here.ready(live, timeout=TIMEOUT)

        return dict(await asyncio.gather(*(fail(obj) for obj, _, _ in CASES)))


@pytest.mark.parametrize(("obj", "message", "causes"), CASES, ids=[_key(obj) for obj, _, _ in CASES])
def test_the_cause_is_named(
    outcomes: dict[str, Outcome], obj: Object, message: str, causes: list[str]
) -> None:
    outcome = outcomes[_key(obj)]
    assert outcome.message == message.format(obj["metadata"]["name"])
    told = "\n".join(outcome.reasons)
    for cause in causes:
        assert re.search(cause, told, re.MULTILINE), f"{cause} is not among\n{told}"
    assert outcome.live is not None and outcome.live["metadata"]["uid"], "the state keeps the object"


def test_no_wait_outlasts_its_timeout(outcomes: dict[str, Outcome]) -> None:
    slowest = max(outcomes.items(), key=lambda item: item[1].seconds)
    assert slowest[1].seconds < TIMEOUT + 5, slowest
