"""An API server and a clock that do what a test's script says, in no time."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import AwaitContext, Event, Kind, Object, Severity
from sandbox.plugins.kubernetes.errors import ProviderError, StatusError


class Time:
    """A clock that stands still while anything happens, and jumps to what is next when nothing does."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], Any]]] = []
        self._order = itertools.count()

    def at(self, when: float, action: Callable[[], Any]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self._due, (when, next(self._order), action))

    async def sleep(self, seconds: float) -> None:
        """Sleep, and let happen what is due meanwhile."""
        end = self.now + seconds
        await settle()
        while self._due and self._due[0][0] <= end:
            self.now, _, action = heapq.heappop(self._due)
            action()
            await settle()
        self.now = end


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


class Api:
    """An API server. Each watch is a request of its own, as over HTTP."""

    def __init__(self) -> None:
        self.lists: list[Kind] = []
        self.watches: list[Kind] = []
        self.failure: ProviderError | None = None
        """What every request fails with."""
        self._objects: dict[tuple[Kind, str, str], Object] = {}
        self._history: list[tuple[int, Event]] = []
        self._version = 0
        self._compacted = 0
        self._connection = 0
        self._news = asyncio.Condition()
        self._telling: set[asyncio.Task[None]] = set()

    def put(self, *objects: Object) -> None:
        """Create or update objects."""
        for obj in objects:
            key = _key(obj)
            change = "MODIFIED" if key in self._objects else "ADDED"
            self._version += 1
            stored = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self._version)}}
            self._objects[key] = stored
            self._history.append((self._version, Event(change, stored)))  # type: ignore[arg-type]  # one of three
        self._tell()

    def remove(self, obj: Object) -> None:
        """Delete an object."""
        self._version += 1
        gone = self._objects.pop(_key(obj))
        gone = {**gone, "metadata": {**gone["metadata"], "resourceVersion": str(self._version)}}
        self._history.append((self._version, Event("DELETED", gone)))
        self._tell()

    def disconnect(self, *, forget: bool = False) -> None:
        """End all watches; if told to forget, they cannot be resumed."""
        self._connection += 1
        if forget:
            self._compacted = self._version + 1
            self._version += 1
        self._tell()

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        self._fail()
        try:
            return self._objects[kind, namespace, name]
        except KeyError:
            raise not_found(kind, name) from None

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Object], str]:
        self.lists.append(kind)
        self._fail()
        found = [
            obj
            for (known, space, _), obj in self._objects.items()
            if known == kind and namespace in ("", space)
        ]
        return found, str(self._version)

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[Event]:
        self.watches.append(kind)
        self._fail()
        connection, version = self._connection, int(resource_version)
        if version < self._compacted:
            raise StatusError({"code": 410, "reason": "Expired", "message": "too old resource version"})
        while connection == self._connection:
            for number, event in self._history:
                own = event.object["metadata"]
                if (
                    number > version
                    and Kind.of(event.object) == kind
                    and namespace in ("", own.get("namespace"))
                ):
                    yield event
            version = self._version
            async with self._news:
                while self._version == version and connection == self._connection:
                    await self._news.wait()

    async def logs(self, namespace: str, pod: str, container: str = "", *, tail_lines: int = 10) -> str:
        raise NotImplementedError

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _tell(self) -> None:
        async def tell() -> None:
            async with self._news:
                self._news.notify_all()

        task = asyncio.get_running_loop().create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


@dataclass
class Log:
    """What the user was told."""

    lines: list[tuple[Severity, str]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    async def status(self, severity: Severity, message: str) -> None:
        if message and (severity, message) not in self.lines:
            self.lines.append((severity, message))

    async def log(self, severity: Severity, message: str) -> None:
        self.kept.append(f"{severity}: {message}")

    @property
    def told(self) -> list[str]:
        """The lines of progress and trouble, in order."""
        return [text for severity, text in self.lines if severity != "debug"]


@dataclass
class World:
    """All that a wait needs."""

    api: Api = field(default_factory=Api)
    time: Time = field(default_factory=Time)
    log: Log = field(default_factory=Log)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    def context(self, live: Object, *, timeout: float = 600, inputs: Object | None = None) -> AwaitContext:
        """The context of a wait for an object."""
        return AwaitContext(
            client=self.api,
            urn="urn:pulumi:dev::test::kubernetes::test",
            inputs=inputs or live,
            live=live,
            log=self.log,
            cancelled=self.cancelled,
            timeout=timeout,
            clock=lambda: self.time.now,
            sleep=self.time.sleep,
        )


def not_found(kind: Kind, name: str) -> StatusError:
    """The API server's answer for what it does not have."""
    return StatusError({"code": 404, "reason": "NotFound", "message": f'{kind.kind} "{name}" not found'})


def _key(obj: Object) -> tuple[Kind, str, str]:
    return Kind.of(obj), obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
