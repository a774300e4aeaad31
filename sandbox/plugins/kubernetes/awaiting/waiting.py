"""Waiting until an object is ready: watch what bears on it, judge at every change, tell the user."""

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sandbox.plugins.kubernetes.awaiting import events, informers
from sandbox.plugins.kubernetes.awaiting.fields import generation_of, uid_of
from sandbox.plugins.kubernetes.awaiting.informers import Informer, Place
from sandbox.plugins.kubernetes.awaiting.kinds import EVENT, Awaiter
from sandbox.plugins.kubernetes.awaiting.settling import Settling
from sandbox.plugins.kubernetes.awaiting.verdict import Observed, Verdict
from sandbox.plugins.kubernetes.awaiting_context import AwaitContext, Kind, Object, Severity
from sandbox.plugins.kubernetes.errors import AwaitError, ProviderError
from sandbox.plugins.kubernetes.objects import name_of, namespace_of

FAILED = "Resource '{name}' was created but failed to initialize"
"""The official provider's words for an object that will not become ready, or is not at a refresh."""
LAST_LOOK = 5.0
"""Seconds that the API server has to answer when the time is up."""
TICK = 10.0
"""Seconds after which trouble that is normal for a moment is shown."""

Result = TypeVar("Result")


async def unless_cancelled(context: AwaitContext, work: Coroutine[Any, Any, Result]) -> Result | None:
    """The result of some work; None, at once, when the user cancels first."""
    task, cancelled = asyncio.create_task(work), asyncio.create_task(context.cancelled.wait())
    try:
        await asyncio.wait({task, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for pending in (task, cancelled):
            pending.cancel()
        await asyncio.gather(task, cancelled, return_exceptions=True)


async def pause(context: AwaitContext, changed: asyncio.Event, until: float) -> None:
    """Wait for a change, at most until a time of the context's clock."""
    sleeping = asyncio.ensure_future(context.sleep(max(0.0, until - context.clock())))
    waking = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pending in (sleeping, waking):
            pending.cancel()
        await asyncio.gather(sleeping, waking, return_exceptions=True)
        changed.clear()


async def read_related(
    context: AwaitContext, kinds: Iterable[Kind]
) -> tuple[dict[str, list[Object]], list[str]]:
    """The objects of some kinds in the namespace, by kind, and what kept others from being read."""
    found: dict[str, list[Object]] = {}
    problems: list[str] = []
    for kind in dict.fromkeys(kinds):
        try:
            objects, _ = await context.client.list(kind, namespace_of(context.live) or "default")
            found[kind.kind] = list(objects)
        except ProviderError as error:
            problems.append(f"Cannot list {kind.kind} objects: {error}")
    return found, problems


class Wait:
    """One wait for readiness. Call `run`; should it be abandoned, `end` tells what was known by then."""

    def __init__(self, context: AwaitContext, awaiter: Awaiter) -> None:
        self._context = context
        self._awaiter = awaiter
        self._started = context.clock()
        idle = awaiter.settle_idle
        self._settling = Settling(None if idle is None else self._started + idle)
        self._seen = Observed(context.live, settled=False)
        self._told: dict[str, None] = {}

    async def run(self) -> Object:
        """Return the object as soon as it is ready. Raises AwaitError when time is up or hope is gone."""
        context, changed = self._context, asyncio.Event()
        deadline = self._started + min(context.timeout, self._awaiter.longest)
        tick = self._started + TICK
        async with informers.of(context.client).listen(self._places(), changed) as copies:
            while True:
                present = self._observe(copies)
                verdict = self._judge(self._seen)
                now = context.clock()
                await self._show(verdict, copies, lasting=now >= tick)
                if present and verdict.ready:
                    return self._seen.object
                if now >= deadline or (present and verdict.failed):
                    break
                tick = now + TICK if now >= tick else tick
                await pause(context, changed, min(deadline, tick, self._settling.next() or deadline))
        return await self._last_look(FAILED if verdict.failed else self._awaiter.wording.timed_out)

    def end(self, message: str, problems: Sequence[str] = ()) -> Object:
        """Return the object if it will do as it was last seen, else raise AwaitError with the message."""
        self._seen = replace(self._seen, final=True)
        verdict, live = self._judge(self._seen), self._seen.object
        if verdict.ready:
            return live
        raise AwaitError(
            message.format(name=name_of(live)), live, [*(self._told or verdict.why()), *problems]
        )

    def _places(self) -> list[Place]:
        live, namespace = self._context.live, namespace_of(self._context.live)
        kinds = (Kind.of(live), *self._awaiter.related)
        # Events about cluster-scoped objects are kept in the namespace default.
        return [*(Place(kind, namespace) for kind in kinds), Place(EVENT, namespace or "default")]

    def _observe(self, copies: Mapping[Place, Informer]) -> bool:
        """Take over what the informers know; False while that is older than the change."""
        objects = {place.kind.kind: list(copy.objects.values()) for place, copy in copies.items()}
        own = next(iter(copies.values())).objects.get(uid_of(self._context.live))
        present = own is not None and generation_of(own) >= generation_of(self._context.live)
        obj = own if own is not None and present else self._seen.object
        seen = Observed(obj, objects, events.about(obj, objects["Event"]))
        settled = True
        if self._awaiter.settles is not None:
            settled = self._settling.update(self._awaiter.settles(seen), self._context.clock())
        self._seen = replace(seen, settled=settled)
        return present

    def _judge(self, seen: Observed) -> Verdict:
        verdict = self._awaiter.judge(seen)
        if not self._awaiter.cumulative:
            self._told.clear()
        self._told.update(dict.fromkeys(verdict.reasons))
        return verdict

    async def _show(self, verdict: Verdict, copies: Mapping[Place, Informer], *, lasting: bool) -> None:
        log = self._context.log
        for event in self._seen.events:
            severity: Severity = "warning" if event.get("type") == "Warning" else "debug"
            await log.status(severity, f"{event.get('reason')}: {event.get('message')}")
        for copy in copies.values():
            if copy.error:
                await log.status("warning", copy.error)
        for message in (*verdict.progress, *(verdict.lasting if lasting else ())):
            await log.status(*message)

    async def _last_look(self, message: str) -> Object:
        """Ask once more, and for what names the cause besides, before giving up."""
        problems: list[str] = []
        try:
            async with asyncio.timeout(LAST_LOOK):
                problems = await self._ask()
        except TimeoutError:
            problems.append(f"The API server did not answer for {LAST_LOOK:.0f} seconds")
        return self.end(message, problems)

    async def _ask(self) -> list[str]:
        """Replace what was watched by what is there now; return what could not be read."""
        live = self._seen.object
        kinds = (*self._awaiter.related, *self._awaiter.diagnosed)
        related, problems = await read_related(self._context, kinds)
        try:
            live = await self._context.client.get(Kind.of(live), name_of(live), namespace_of(live))
        except ProviderError as error:
            problems.append(f"Cannot read {live['kind']}: {error}")
        known = {**self._seen.related, **related}
        about = events.about(live, known.get("Event", ()))
        self._seen = replace(self._seen, object=live, related=known, events=about)
        return problems
