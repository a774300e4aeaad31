"""`pulumi-resource-kubernetes [ENGINE]`: serve the provider for the engine at an address.

The port goes to standard output, as the engine expects of its plugins.
"""

import asyncio
import os
import signal
import sys

import grpc.aio

from sandbox.plugins.kubernetes.engine import CHANNEL_OPTIONS, Engine
from sandbox.plugins.kubernetes.server import Provider
from sandbox.plugins.protocol import provider_pb2_grpc

_GRACE = 0.5
"""Seconds for calls under way to end once the engine wants the plugin to stop."""
_LOOK_UP = 2.0
"""Seconds between looks whether the engine is still there."""


async def serve(engine: str) -> None:
    """Serve until a signal, or until the engine that started us has gone."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    provider = Provider(Engine(engine))
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    watcher = asyncio.create_task(_orphaned(stopped)) if engine else None
    await stopped.wait()
    if watcher:
        watcher.cancel()
    await server.stop(_GRACE)
    await provider.close()


async def _orphaned(stopped: asyncio.Event) -> None:
    """Stop when the engine was killed: nobody else would end us."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(_LOOK_UP)
    stopped.set()


def main() -> None:
    """Serve the engine whose address is the first argument."""
    asyncio.run(serve(sys.argv[1] if len(sys.argv) > 1 else ""))


if __name__ == "__main__":
    main()
