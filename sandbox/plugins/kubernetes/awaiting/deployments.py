"""When a Deployment is rolled out (provider/pkg/await/deployment.go of the official provider)."""

from sandbox.plugins.kubernetes.awaiting import pods
from sandbox.plugins.kubernetes.awaiting.fields import (
    conditions,
    count,
    explained,
    is_true,
    items,
    observed,
    owned_by,
)
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict, info, warning
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import annotations, name_of, pluck

REVISION = "deployment.kubernetes.io/revision"


def judge(seen: Observed) -> Verdict:
    """Ready when the ReplicaSet of the present revision has its Pods ready and every claim is bound.

    After the first revision the Deployment's own word that the new ReplicaSet is available is needed too.
    """
    deployment = seen.object
    if not observed(deployment):
        return Verdict(False, reasons=["Minimum number of live Pods was not attained"])
    found = conditions(deployment)
    available = is_true(found.get("Available"))
    progressing = found.get("Progressing")
    rolled_out = is_true(progressing) and (progressing or {}).get("reason") == "NewReplicaSetAvailable"
    first = annotations(deployment).get(REVISION, "") == "1"
    replica_set = current_replica_set(seen)
    have, want = _replicas(replica_set)
    claims = _unbound_claims(seen)

    # A watch may tell of the Deployment's new scale before it tells of the ReplicaSet's.
    scaled = replica_set is not None and have >= want >= count(deployment, "spec", "replicas", default=1)
    ready = available and scaled and (first or rolled_out) and not claims
    complaints = _complaints(found)
    progress = [warning(text) for text in complaints]
    progress += [warning(_claim_line(claim)) for claim in claims]
    if replica_set is not None and not scaled:
        progress.append(info(f"Waiting for app ReplicaSet to be available ({have}/{want} Pods available)"))
    if scaled and want == 0:
        progress.append(warning(f'Replicas scaled to 0 for Deployment "{name_of(deployment)}"'))
    if ready:
        progress.append(info("Deployment initialization complete"))
        return Verdict(True, progress)

    reasons = complaints
    if claims:
        reasons.append(f'Failed to bind PersistentVolumeClaim(s): "{",".join(map(name_of, claims))}"')
        reasons += pods.claim_reasons(claims, seen)
    reasons += _shortfall(first, available, rolled_out, scaled)
    own_pods = owned_by(replica_set, seen.all("Pod"))
    reasons += [line for line in pods.reasons(own_pods, seen) if line not in reasons]
    return Verdict(False, progress, lasting=pods.trouble(own_pods), reasons=reasons)


def current_replica_set(seen: Observed) -> Object | None:
    """The ReplicaSet of the Deployment's present revision."""
    revision = annotations(seen.object).get(REVISION, "")
    for replica_set in seen.owned("ReplicaSet"):
        if revision and annotations(replica_set).get(REVISION, "") == revision:
            return replica_set
    return None


def _replicas(replica_set: Object | None) -> tuple[int, int]:
    """Ready and wanted Pods, the latter as an autoscaler or a person may have scaled them meanwhile."""
    if replica_set is None:
        return 0, 1
    return count(replica_set, "status", "readyReplicas"), count(replica_set, "spec", "replicas", default=1)


def _complaints(found: dict[str, Object]) -> list[str]:
    """The conditions that tell of trouble; a ReplicaFailure names an exceeded quota or a refusing webhook."""
    bad = [
        condition
        for kind, condition in found.items()
        if (kind in ("Progressing", "Available") and not is_true(condition))
        or (kind == "ReplicaFailure" and is_true(condition))
    ]
    return [explained(condition) for condition in bad if "reason" in condition and "message" in condition]


def _shortfall(first: bool, available: bool, rolled_out: bool, scaled: bool) -> list[str]:
    if not available:
        return ["Minimum number of live Pods was not attained"]
    if (first and not scaled) or not (first or rolled_out):
        return ["Minimum number of Pods to consider the application live was not attained"]
    if not scaled:
        return ["Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live"]
    return []


def _unbound_claims(seen: Observed) -> list[Object]:
    volumes = items(seen.object, "spec", "template", "spec", "volumes")
    names = {pluck(volume, "persistentVolumeClaim", "claimName") for volume in volumes}
    return [
        claim
        for claim in seen.all("PersistentVolumeClaim")
        if name_of(claim) in names and pluck(claim, "status", "phase") != "Bound"
    ]


def _claim_line(claim: Object) -> str:
    phase = pluck(claim, "status", "phase")
    return f"PersistentVolumeClaim: [{name_of(claim)}] is not ready. status.phase currently at: {phase}"
