"""When a Pod is ready, and what keeps it from that.

The wording is the official provider's (provider/pkg/await/checker/pod/check.go), which joins a condition's
message and the containers' errors without a blank. It leaves out what no condition tells: the scheduler's
reason, failing init containers, volumes that do not mount and failing probes; those are added here.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sandbox.plugins.kubernetes.awaiting.events import warnings_about
from sandbox.plugins.kubernetes.awaiting.fields import conditions, is_true, items, qualified_name
from sandbox.plugins.kubernetes.awaiting.verdict import Message, Observed, Verdict, info, warning
from sandbox.plugins.kubernetes.awaiting_context import Object
from sandbox.plugins.kubernetes.objects import name_of, pluck

WAITING_NORMALLY = ("ContainerCreating", "PodInitializing")


class PodCheck(NamedTuple):
    """How far a Pod has come."""

    ready: bool
    steps: list[str]
    """What is or was waited for, in order; the last one is not yet done unless the Pod is ready."""
    trouble: str = ""
    """What the official provider reports as a warning; empty when nothing is wrong."""
    unscheduled: str = ""
    """Why the scheduler found no node; empty when it did or has not tried."""
    explained: bool = False
    """Whether a container's own state is among the trouble."""


def check(pod: Object) -> PodCheck:
    """Judge a Pod by its conditions and, while it is not ready, by its containers."""
    name, found = qualified_name(pod), conditions(pod)
    steps = [f'Waiting for Pod "{name}" to be scheduled']
    scheduled = found.get("PodScheduled")
    if not is_true(scheduled):
        reason, message = (scheduled or {}).get("reason"), (scheduled or {}).get("message")
        return PodCheck(False, steps, unscheduled=str(message) if reason and message else "")

    steps.append(f'Waiting for Pod "{name}" to be initialized')
    initialized = found.get("Initialized")
    if not is_true(initialized):
        return _stuck(pod, initialized, steps, "containerStatuses", "initContainerStatuses")

    steps.append(f'Waiting for Pod "{name}" to be ready')
    ready = found.get("Ready")
    if ready is not None and (is_true(ready) or pluck(pod, "status", "phase") == "Succeeded"):
        return PodCheck(True, steps)
    return _stuck(pod, ready, steps, "containerStatuses")


def judge(seen: Observed) -> Verdict:
    """A Pod on its own: ready, or run to its end."""
    checked = check(seen.object)
    return Verdict(
        checked.ready,
        progress=[info(step) for step in checked.steps],
        reasons=[] if checked.ready else reasons([seen.object], seen),
    )


def trouble(pods: Iterable[Object]) -> list[Message]:
    """The warnings about Pods that are not ready."""
    return [warning(checked.trouble) for checked in map(check, pods) if checked.trouble]


def reasons(pods: Iterable[Object], seen: Observed) -> list[str]:
    """Why Pods are not ready: their warnings first, then what only the scheduler, claims and Events tell."""
    found: list[str] = []
    for pod in pods:
        checked, prefix = check(pod), f"[Pod {qualified_name(pod)}]: "
        if checked.ready:
            continue
        if checked.trouble:
            found.append(checked.trouble)
            found.extend(prefix + line for line in _exits(pod) if line not in checked.trouble)
        if checked.unscheduled:
            found.append(prefix + checked.unscheduled)
            found.extend(claim_reasons(_claims(pod, seen.all("PersistentVolumeClaim")), seen))
        elif not checked.explained:
            found.extend(prefix + line for line in warnings_about(pod, seen.all("Event"))[-1:])
    return found


def claim_reasons(claims: Iterable[Object], seen: Observed) -> list[str]:
    """What the Events say about claims that are not bound, the last word on each."""
    return [
        f"[PersistentVolumeClaim {qualified_name(claim)}]: {line}"
        for claim in claims
        if pluck(claim, "status", "phase") != "Bound"
        for line in warnings_about(claim, seen.all("Event"), also_normal=True)[-1:]
    ]


def _claims(pod: Object, claims: Sequence[Object]) -> list[Object]:
    names = {pluck(volume, "persistentVolumeClaim", "claimName") for volume in items(pod, "spec", "volumes")}
    return [claim for claim in claims if name_of(claim) in names]


def _exits(pod: Object) -> Iterator[str]:
    """The exit codes of containers that have ended: the official provider hides them behind last words."""
    for field in ("initContainerStatuses", "containerStatuses"):
        for status in items(pod, "status", field):
            ended = pluck(status, "state", "terminated")
            if ended is not None and ended.get("exitCode"):
                yield _exited(status, ended)


def _exited(status: Object, ended: Object) -> str:
    return f'container "{status.get("name")}" completed with exit code {ended.get("exitCode", 0)}'


def _stuck(pod: Object, condition: Object | None, steps: list[str], *statuses: str) -> PodCheck:
    if condition is None:
        return PodCheck(False, steps)
    errors = [
        (error, reason)
        for field in statuses
        for status in items(pod, "status", field)
        if not status.get("ready")
        for error, reason in _container_errors(status)
    ]
    message = str(condition.get("message") or "")
    if not errors and not message:
        return PodCheck(False, steps)
    told = message if condition.get("reason") else ""
    text = f"[Pod {qualified_name(pod)}]: {told}" + "\n".join(error for error, _ in errors)
    explained = any(reason not in WAITING_NORMALLY for _, reason in errors)
    return PodCheck(False, steps, trouble=text, explained=explained)


def _container_errors(status: Object) -> Iterator[tuple[str, str]]:
    """What is wrong with a container now and what ended it the last time, each with its reason."""
    waiting = pluck(status, "state", "waiting")
    if waiting is not None and waiting.get("reason") != "ContainerCreating":
        reason = str(waiting.get("reason", ""))
        yield f"[{reason}] {_trimmed(waiting.get('message', ''))}", reason
    ended = pluck(status, "state", "terminated")
    if ended is not None and ended.get("reason"):
        told = f"[{ended['reason']}] {_trimmed(ended['message'])}" if ended.get("message") else ""
        yield told or _exited(status, ended), str(ended["reason"])
    last = pluck(status, "lastState", "terminated")
    if last is not None:
        reason, when = str(last.get("reason", "")), last.get("finishedAt") or "0001-01-01T00:00:00Z"
        how = f"({reason}: exit code {last.get('exitCode', 0)})"
        yield f'container "{status.get("name")}" terminated at {when} {how}', reason
        if last.get("message"):
            yield str(last["message"]), reason


def _trimmed(message: str) -> str:
    prefix = "rpc error: code = Unknown desc = Error response from daemon: "
    return message.removeprefix(prefix).removesuffix(": manifest unknown")
