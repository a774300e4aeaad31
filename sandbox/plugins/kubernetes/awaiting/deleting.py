"""Waiting until an object is gone (provider/pkg/await/condition/deleted.go of the official provider)."""

import asyncio

from sandbox.plugins.kubernetes.awaiting import informers
from sandbox.plugins.kubernetes.awaiting.fields import conditions, explained, is_true, uid_of
from sandbox.plugins.kubernetes.awaiting.informers import Place
from sandbox.plugins.kubernetes.awaiting.status import compute
from sandbox.plugins.kubernetes.awaiting.waiting import LAST_LOOK, pause
from sandbox.plugins.kubernetes.awaiting_context import AwaitContext, Kind, Object
from sandbox.plugins.kubernetes.errors import AwaitError, NoMatchError, ProviderError, StatusError
from sandbox.plugins.kubernetes.objects import name_of, namespace_of, pluck

TIMED_OUT = "timed out waiting for the condition"


class Deletion:
    """One wait for an object whose deletion was asked for."""

    def __init__(self, context: AwaitContext) -> None:
        self._context = context
        self._place = Place(Kind.of(context.live), namespace_of(context.live))
        self._uid = ""
        self.last_seen: Object = context.live

    async def run(self) -> bool:
        """Return True once the object is gone. Raises AwaitError when time is up."""
        context, changed = self._context, asyncio.Event()
        deadline = context.clock() + context.timeout
        if await self._gone():
            return True
        async with informers.of(context.client).listen([self._place], changed) as copies:
            copy = copies[self._place]
            while context.clock() < deadline:
                live = copy.objects.get(self._uid)
                if live is not None:
                    self.last_seen = live
                    await context.log.status("info", compute(live).message)
                elif (copy.synced or copy.error) and await self._gone():
                    return True
                await pause(context, changed, deadline)
        if await self._gone():
            return True
        finalizers = pluck(self.last_seen, "metadata", "finalizers") or []
        hindrance = f"finalizers might be preventing deletion ({', '.join(finalizers)})"
        await context.log.log("warning", hindrance)
        raise AwaitError(TIMED_OUT, self.last_seen, [hindrance, *self._remaining()])

    async def _gone(self) -> bool:
        """Ask whether the object is there; one of the same name that came since is another."""
        live, log = self._context.live, self._context.log
        try:
            async with asyncio.timeout(LAST_LOOK):
                found = await self._context.client.get(self._place.kind, name_of(live), namespace_of(live))
        except NoMatchError:
            return True
        except (ProviderError, TimeoutError) as error:
            if isinstance(error, StatusError) and error.not_found:
                return True
            why = str(error) or "no answer"
            await log.status("warning", f"unexpected error while checking cluster state: {why}")
            return False
        # The object may be another than the state's; the one that is leaving now is the one to wait for.
        leaving = pluck(found, "metadata", "deletionTimestamp") and not self._uid
        self._uid = self._uid or uid_of(found if leaving else live)
        if uid_of(found) != self._uid:
            return True
        self.last_seen = found
        return False

    def _remaining(self) -> list[str]:
        """What a Namespace says about what is left in it."""
        if self._place.kind != Kind("", "v1", "Namespace"):
            return []
        return [
            explained(condition) for condition in conditions(self.last_seen).values() if is_true(condition)
        ]
