"""Telling the user: the engine's log."""

from collections.abc import Awaitable
from typing import cast

import grpc.aio

from sandbox.plugins.kubernetes.awaiting_context import Severity
from sandbox.plugins.protocol import engine_pb2, engine_pb2_grpc

_LIMIT = 400 << 20
"""Bytes of a message, as the engine allows."""

CHANNEL_OPTIONS = [("grpc.max_receive_message_length", _LIMIT), ("grpc.max_send_message_length", _LIMIT)]


class Engine:
    """The engine that started this plugin; without an address, nobody listens."""

    def __init__(self, address: str = "") -> None:
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS) if address else None
        self._stub = engine_pb2_grpc.EngineStub(self._channel) if self._channel else None

    async def log(self, severity: Severity, message: str, urn: str, *, ephemeral: bool = False) -> None:
        """Show a line beside a resource; ephemeral ones only while it is worked on."""
        if self._stub:
            level = getattr(engine_pb2, severity.upper())
            request = engine_pb2.LogRequest(severity=level, message=message, urn=urn, ephemeral=ephemeral)
            await cast("Awaitable[object]", self._stub.Log(request))

    def for_resource(self, urn: str) -> "DedupLog":
        """The log of one operation on a resource."""
        return DedupLog(self, urn)

    async def close(self) -> None:
        """Hang up."""
        if self._channel:
            await self._channel.close()


class DedupLog:
    """A log that does not repeat itself."""

    def __init__(self, engine: Engine, urn: str) -> None:
        self._engine = engine
        self._urn = urn
        self._seen: set[tuple[bool, Severity, str]] = set()

    async def status(self, severity: Severity, message: str) -> None:
        """Show a line while the resource is worked on; an empty one clears it."""
        await self._once(severity, message, ephemeral=True)

    async def log(self, severity: Severity, message: str) -> None:
        """Show a line, and keep it among the diagnostics."""
        await self._once(severity, message, ephemeral=False)

    async def clear(self) -> None:
        """Clear the status line."""
        await self._engine.log("info", "", self._urn, ephemeral=True)

    async def _once(self, severity: Severity, message: str, *, ephemeral: bool) -> None:
        line = (ephemeral, severity, message)
        if line not in self._seen:
            self._seen.add(line)
            await self._engine.log(severity, message, self._urn, ephemeral=ephemeral)
