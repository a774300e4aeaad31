"""Passing the output of work on to the engine while the work is done."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

import grpc

from sandbox.plugins.language_python.toolchain import ToolchainError, Write
from sandbox.plugins.protocol import engine_pb2, engine_pb2_grpc

# As large as the engine allows messages to be.
LIMITS = (("grpc.max_receive_message_length", 400 * 1024 * 1024), ("grpc.max_send_message_length", -1))


def streamed(
    response: Callable[..., Any], work: Callable[[Write, Write], Any], context: grpc.ServicerContext
) -> Iterator[Any]:
    """Yield a response for each piece of output that `work` writes, and last what it returns, if anything.

    A `ToolchainError` fails the call.
    """
    queue: SimpleQueue[Any] = SimpleQueue()

    def working() -> None:
        try:
            last = work(
                lambda data: queue.put(response(stdout=data)), lambda data: queue.put(response(stderr=data))
            )
            if last is not None:
                queue.put(last)
        finally:
            queue.put(None)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(working)
        yield from iter(queue.get, None)
        try:
            done.result()
        except ToolchainError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))


def engine_log(address: str) -> tuple[Write, Write]:
    """Two ways of telling the user something in passing: as information and as an error."""
    engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=LIMITS))
    stream = random.getrandbits(31)

    def writer(severity: engine_pb2.LogSeverity.ValueType) -> Write:
        def write(data: bytes) -> None:
            message = data.decode(errors="replace")
            engine.Log(
                engine_pb2.LogRequest(severity=severity, message=message, streamId=stream, ephemeral=True)
            )

        return write

    return writer(engine_pb2.INFO), writer(engine_pb2.ERROR)
