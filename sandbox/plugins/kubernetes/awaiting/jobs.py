"""When a Job has succeeded (provider/pkg/await/job.go and checker/job of the official provider)."""

from sandbox.plugins.kubernetes.awaiting import pods
from sandbox.plugins.kubernetes.awaiting.events import warnings_about
from sandbox.plugins.kubernetes.awaiting.fields import conditions, count, explained, is_true, qualified_name
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict, info
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import pluck

UNREADY = "containers with unready status"
"""Part of every Job's run, so shown only when the Job does not succeed."""


def judge(seen: Observed) -> Verdict:
    """Ready when the Job is complete; given up at once when Kubernetes gave the Job up.

    The official provider gives up for BackoffLimitExceeded and DeadlineExceeded only, though no failed Job
    ever recovers.
    """
    job, name, found = seen.object, qualified_name(seen.object), conditions(seen.object)
    progress = [info(f'Waiting for Job "{name}" to start')]
    started = pluck(job, "status", "startTime") is not None
    if started:
        progress.append(info(f'Waiting for Job "{name}" to succeed {_numbers(job)}'))
    failure = found.get("Failed", {})
    failed = started and is_true(failure)
    if started and not failed and is_true(found.get("Complete")):
        return Verdict(True, progress)
    own_pods = seen.owned("Pod")
    progress += [line for line in pods.trouble(own_pods) if UNREADY not in line.text]
    reasons = [explained(failure)] if failed else []
    reasons += pods.reasons(own_pods, seen)
    if seen.final and not own_pods:  # Otherwise the Job's own Events tell only that it failed.
        reasons += warnings_about(job, seen.events)[-1:]
    return Verdict(False, progress, reasons=reasons, failed=failed)


def _numbers(job: Object) -> str:
    active, succeeded, failed = (count(job, "status", key) for key in ("active", "succeeded", "failed"))
    return f"(Active: {active} | Succeeded: {succeeded} | Failed: {failed})"
