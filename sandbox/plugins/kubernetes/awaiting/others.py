"""Kinds whose readiness is one look at their status.

The rules are the official provider's (provider/pkg/await/awaiters.go).
"""

from sandbox.plugins.kubernetes.awaiting import pods
from sandbox.plugins.kubernetes.awaiting.fields import conditions, count, explained, is_true, observed
from sandbox.plugins.kubernetes.awaiting.status import compute
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict, info
from sandbox.plugins.kubernetes.objects import pluck


def judge_replication_controller(seen: Observed) -> Verdict:
    """Ready when as many Pods are available as wanted."""
    controller = seen.object
    have, want = (
        count(controller, "status", "availableReplicas"),
        count(controller, "spec", "replicas", default=1),
    )
    if observed(controller) and have == want:
        return Verdict(True)
    failure = conditions(controller).get("ReplicaFailure")
    reasons = [f"{have} out of {want} replicas are available"]
    reasons += [explained(failure)] if failure is not None and is_true(failure) else []
    return Verdict(False, reasons=reasons + pods.reasons(seen.owned("Pod"), seen))


def judge_resource_quota(seen: Observed) -> Verdict:
    """Ready when the limits are in force."""
    wanted, in_force = pluck(seen.object, "spec", "hard"), pluck(seen.object, "status", "hard")
    ready = wanted is not None and wanted == in_force
    return Verdict(ready, reasons=[] if ready else [f"Limits in force are {in_force}, wanted are {wanted}"])


def judge_token(seen: Observed) -> Verdict:
    """Ready when the token of a service account was filled in."""
    ready = bool(seen.object.get("data"))
    return Verdict(
        ready, reasons=[] if ready else ["The token was not filled in; does its service account exist?"]
    )


def judge_generic(seen: Observed) -> Verdict:
    """Any kind by what its status says of itself."""
    status = compute(seen.object)
    line = status.message or "Waiting for readiness"
    return Verdict(status.current, [info(line)], reasons=[] if status.current else [line])
