"""Live copies of what the API server stores, shared by all waits."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sandbox.plugins.kubernetes.awaiting.fields import uid_of
from sandbox.plugins.kubernetes.awaiting_context import Client, Kind, Object
from sandbox.plugins.kubernetes.errors import ProviderError, StatusError

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0
"""Seconds until a failed request is tried again; doubled from one failure to the next."""


class Place(NamedTuple):
    """All objects of a kind in a namespace; the empty namespace stands for all, or none."""

    kind: Kind
    namespace: str


@dataclass(eq=False)
class Informer:
    """A live copy of the objects at a place: listed, then kept by a watch that resumes where it broke."""

    client: Client
    place: Place
    objects: dict[str, Object] = field(default_factory=dict)
    """By uid."""
    error: str = ""
    """Why the copy may be out of date; empty while the watch is up."""
    synced: bool = False
    """Whether the objects were listed."""
    listeners: set[asyncio.Event] = field(default_factory=set)
    """Set at every change."""

    async def run(self) -> None:
        """Follow the API server until cancelled, whatever happens to the connection."""
        version, pause = "", FIRST_PAUSE
        while True:
            try:
                version = version or await self._list()
                pause = FIRST_PAUSE
                async for event in self.client.watch(*self.place, resource_version=version):
                    version = str(event.object["metadata"]["resourceVersion"])
                    self._apply(event.type, event.object)
            except ProviderError as error:
                if isinstance(error, StatusError):
                    version = ""  # Refused, or too old to resume from: list again.
                    if error.gone:
                        continue
                self.error = f"Cannot watch {self.place.kind.kind} objects: {error}"
                self._notify()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def _list(self) -> str:
        objects, version = await self.client.list(*self.place)
        self.objects = {uid_of(obj): obj for obj in objects}
        self.synced, self.error = True, ""
        self._notify()
        return version

    def _apply(self, change: str, obj: Object) -> None:
        if change == "DELETED":
            self.objects.pop(uid_of(obj), None)
        else:
            self.objects[uid_of(obj)] = obj
        self.error = ""
        self._notify()

    def _notify(self) -> None:
        for listener in self.listeners:
            listener.set()


class Informers:
    """The informers that somebody listens to, one for each place."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._running: dict[Place, tuple[Informer, asyncio.Task[None]]] = {}

    @asynccontextmanager
    async def listen(
        self, places: Iterable[Place], changed: asyncio.Event
    ) -> AsyncIterator[Mapping[Place, Informer]]:
        """The informers for some places; `changed` is set when any of them has news."""
        informers = {place: self._informer(place) for place in places}
        try:
            for informer in informers.values():
                informer.listeners.add(changed)
            yield informers
        finally:
            for place, informer in informers.items():
                informer.listeners.discard(changed)
                if not informer.listeners:
                    await self._stop(place)

    def _informer(self, place: Place) -> Informer:
        if place not in self._running:
            informer = Informer(self._client, place)
            self._running[place] = informer, asyncio.create_task(informer.run())
        return self._running[place][0]

    async def _stop(self, place: Place) -> None:
        _, task = self._running.pop(place)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


_SHARED: WeakKeyDictionary[Client, Informers] = WeakKeyDictionary()


def of(client: Client) -> Informers:
    """The informers of all waits on an API server."""
    return _SHARED.setdefault(client, Informers(client))
