"""What the await logic is given: an object, what the user asked for, the API server and the engine's log.

The package `awaiting` offers three coroutines: `await_ready` returns the live object once it is ready,
`await_deleted` returns once it is gone, and `check_ready` returns if it is ready now. They raise an
AwaitError when the wait ends otherwise.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

Object = dict[str, Any]
"""A Kubernetes object as the API server sends it."""

Severity = Literal["debug", "info", "warning", "error"]


class Kind(NamedTuple):
    """A group, version and kind. The core group is the empty string."""

    group: str
    version: str
    kind: str

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> "Kind":
        """The kind of an object."""
        group, _, version = str(obj.get("apiVersion") or "").rpartition("/")
        return cls(group, version, str(obj.get("kind") or ""))

    @property
    def api_version(self) -> str:
        """`group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version


class Event(NamedTuple):
    """A change that a watch reports."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


class Client(Protocol):
    """The API server.

    All raise StatusError, UnreachableError or, for a kind that it does not serve, NoMatchError.
    """

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        """One object. The namespace is ignored for cluster-scoped kinds and `default` if empty for others."""
        ...

    async def list(
        self, kind: Kind, namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> tuple[list[Object], str]:
        """The objects of a kind, each with its apiVersion and kind, and the resourceVersion to watch from.

        An empty namespace means all namespaces.
        """
        ...

    def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
    ) -> AsyncIterator[Event]:
        """The changes since a resourceVersion, in one request: it ends when the API server ends it.

        Raises StatusError with `gone` when the resourceVersion is too old: list again. No bookmarks.
        """
        ...

    async def logs(self, namespace: str, pod: str, container: str = "", *, tail_lines: int = 10) -> str:
        """The last lines that a container has printed; the Pod's first container if none is named."""
        ...


class ResourceLog(Protocol):
    """The engine's log for one resource. A line that was sent already is not sent again."""

    async def status(self, severity: Severity, message: str) -> None:
        """Show a line beside the resource while it is worked on; an empty one clears it."""
        ...

    async def log(self, severity: Severity, message: str) -> None:
        """Show a line beside the resource, and keep it among the diagnostics at the end."""
        ...


@dataclass(frozen=True)
class AwaitContext:
    """One wait."""

    client: Client
    urn: str
    inputs: Object
    """What the user wants; its annotations steer the wait. On deletion the last inputs."""
    live: Object
    """The object as the API server answered the create, update or get; on deletion as last known."""
    log: ResourceLog
    cancelled: asyncio.Event
    """Set when the user presses Ctrl-C: end the wait at once, with an AwaitError."""
    timeout: float
    """Seconds until the wait fails: customTimeouts, else `pulumi.com/timeoutSeconds`, else 600."""
    previous: Object | None = None
    """The live object before the update; None unless it is an update."""
    initial_api_version: str = ""
    """The apiVersion with which the resource was created."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
