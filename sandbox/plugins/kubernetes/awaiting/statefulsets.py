"""When a StatefulSet is rolled out (provider/pkg/await/statefulset.go of the official provider)."""

from sandbox.plugins.kubernetes.awaiting import pods
from sandbox.plugins.kubernetes.awaiting.events import warnings_about
from sandbox.plugins.kubernetes.awaiting.fields import count, generation_of, observed
from sandbox.plugins.kubernetes.awaiting.verdict import Message, Observed, Verdict, info
from sandbox.plugins.kubernetes.objects import pluck


def judge(seen: Observed) -> Verdict:
    """Ready when every replica is, and runs the newest revision.

    With the update strategy OnDelete people replace the Pods themselves: the revision counts only at first.
    """
    stateful_set = seen.object
    status = pluck(stateful_set, "status") or {}
    want, have = count(stateful_set, "spec", "replicas"), count(status, "readyReplicas")
    current, target = status.get("currentRevision", ""), status.get("updateRevision", "")
    updating = generation_of(stateful_set) > 1
    by_hand = updating and pluck(stateful_set, "spec", "updateStrategy", "type") == "OnDelete"

    seen_by_controller = observed(stateful_set)
    revision_ready = seen_by_controller and (by_hand or current == target != "")
    present = [count(status, "replicas"), have] + ([] if by_hand else [count(status, "currentReplicas")])
    replicas_ready = seen_by_controller and all(number == want for number in present)
    # The ready ones of the former revision do not count towards the new one.
    shown = have if revision_ready else min(have, count(status, "updatedReplicas"))

    if replicas_ready and revision_ready:
        return Verdict(True, [info("StatefulSet initialization complete")])
    reasons = []
    if not replicas_ready:
        reasons.append(f"{shown} out of {want} replicas succeeded readiness checks")
    if not revision_ready:
        reasons.append(
            f'StatefulSet controller failed to advance from revision "{current}" to revision "{target}"'
        )
    own_pods = seen.owned("Pod")
    reasons += pods.reasons(own_pods, seen) + warnings_about(stateful_set, seen.events)[-1:]
    progress = [_progress(updating, replicas_ready, f"({shown}/{want} Pods ready)")]
    return Verdict(False, progress, lasting=pods.trouble(own_pods), reasons=reasons)


def _progress(updating: bool, replicas_ready: bool, counts: str) -> Message:
    if not updating:
        return info(f"[1/2] Waiting for StatefulSet to create Pods {counts}")
    if not replicas_ready:
        return info(f"[1/3] Waiting for StatefulSet update to roll out {counts}")
    return info("[2/3] Waiting for StatefulSet to update .status.currentRevision")
