"""Waiting as the official Kubernetes provider does: until objects are ready, and until they are gone.

For each kind a pure function judges what is known (deployments.py, pods.py, ...); waiting.py asks it again at
every change that a shared watch reports (informers.py). Causes of failure that the official provider leaves
untold are among the reasons of the error.
"""

from sandbox.plugins.kubernetes.awaiting.annotations import (
    propagation,
    skips_await,
    skips_deletion,
    timeout_seconds,
)
from sandbox.plugins.kubernetes.awaiting.deleting import Deletion
from sandbox.plugins.kubernetes.awaiting.events import about
from sandbox.plugins.kubernetes.awaiting.kinds import CONDITION, awaiter_for, built_in
from sandbox.plugins.kubernetes.awaiting.verdict import Observed
from sandbox.plugins.kubernetes.awaiting.waiting import FAILED, Wait, read_related, unless_cancelled
from sandbox.plugins.kubernetes.awaiting_context import AwaitContext, Object
from sandbox.plugins.kubernetes.errors import AwaitError
from sandbox.plugins.kubernetes.objects import name_of

__all__ = ["await_deleted", "await_ready", "check_ready", "propagation", "timeout_seconds"]


async def await_ready(context: AwaitContext) -> Object:
    """Wait until a created or updated object is ready, and return it as it is then.

    Raises AwaitError when the time is up, when the user cancels, when hope is gone (a failed Job), or when
    `pulumi.com/waitFor` is not understood.
    """
    if skips_await(context.inputs):
        await context.log.status("info", "Skipping await logic")
        return context.live
    try:
        awaiter = awaiter_for(context.live)
    except ValueError as error:
        raise AwaitError(str(error), context.live) from error
    if awaiter is None:
        return context.live
    wait = Wait(context, awaiter)
    live = await unless_cancelled(context, wait.run())
    if live is None:
        live = wait.end(awaiter.wording.cancelled)
    await context.log.status("info", "")
    return live


async def check_ready(context: AwaitContext) -> None:
    """Judge an object as it is now, for a refresh.

    Raises AwaitError when it is of a kind whose readiness a refresh looks at, and is not ready.
    """
    awaiter, live = built_in(context.live), context.live
    if awaiter is None or not awaiter.reads or skips_await(context.inputs):
        return
    related, problems = await read_related(context, awaiter.related)
    seen = Observed(live, related, final=True)
    if awaiter.judge(seen).ready:
        return
    more, other_problems = await read_related(context, awaiter.diagnosed)
    known = {**related, **more}
    reasons = awaiter.judge(Observed(live, known, about(live, known.get("Event", ())), final=True)).why()
    raise AwaitError(FAILED.format(name=name_of(live)), live, [*reasons, *problems, *other_problems])


async def await_deleted(context: AwaitContext) -> None:
    """Wait until an object whose deletion was asked for is gone.

    Raises AwaitError when the time is up or when the user cancels.
    """
    if skips_deletion(context.inputs):
        await context.log.status("info", "Skipping await logic")
        return
    deletion = Deletion(context)
    if await unless_cancelled(context, deletion.run()) is None:
        raise AwaitError(CONDITION.cancelled, deletion.last_seen)
    await context.log.status("info", "")
