"""A policy pack's front: the engine configures the stack before the pack may start.

The engine wants the port of a pack at once and tells it the stack's configuration afterwards, but a
pack reads that configuration while it is imported. So the host answers on a port of its own, waits
for the configuration, starts the pack with it, and passes all other calls on, unread.
"""

import json
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import grpc

from sandbox.plugins.language_python.streams import LIMITS
from sandbox.plugins.language_python.toolchain import ToolchainError, Write
from sandbox.plugins.protocol import analyzer_pb2 as proto

SERVICE = "/pulumirpc.Analyzer/"


class PolicyProxy(grpc.GenericRpcHandler):
    """Serves on `port` in the name of a pack that is still to be started."""

    def __init__(self, out: Write) -> None:
        self._out = out
        self._configuration: Future[proto.AnalyzerStackConfigureRequest | None] = Future()
        self._pack: Future[grpc.Channel] = Future()
        self._first = b""
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=16), [self], options=LIMITS)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def environment(self) -> dict[str, str]:
        """Tell the engine the port, wait for the stack's configuration and put it as a pack expects it."""
        self._out(f"{self.port}\n".encode())
        stack = self._configuration.result()
        if stack is None:
            return {}
        named = {
            "PULUMI_ORGANIZATION": stack.organization,
            "PULUMI_PROJECT": stack.project,
            "PULUMI_STACK": stack.stack,
            "PULUMI_DRY_RUN": str(stack.dry_run).lower(),
            "PULUMI_CONFIG": json.dumps(dict(stack.config)) if stack.config else "",
        }
        return {name: value for name, value in named.items() if value}

    def write(self, data: bytes) -> None:
        """Take what the pack prints: its port first, then what is for the engine."""
        if self._pack.done():
            self._out(data)
            return
        self._first += data
        line, end, rest = self._first.partition(b"\n")
        if end:
            self._attach(line)
            if rest:
                self._out(rest)

    def close(self, reason: str) -> None:
        """Answer no more: the pack has ended."""
        if not self._pack.done():
            self._pack.set_exception(ToolchainError(reason))
        self._server.stop(grace=None)

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        """Answer the calls that come before the pack runs, and pass on the others."""
        local: dict[str, Callable[[bytes, Any], bytes]] = {
            f"{SERVICE}Handshake": lambda _request, _context: (
                proto.AnalyzerHandshakeResponse().SerializeToString()
            ),
            f"{SERVICE}ConfigureStack": self._configure,
        }
        forward = lambda request, context: self._forward(details.method, request, context)  # noqa: E731
        return grpc.unary_unary_rpc_method_handler(local.get(details.method, forward))

    def _configure(self, request: bytes, _context: grpc.ServicerContext) -> bytes:
        self._settle(proto.AnalyzerStackConfigureRequest.FromString(request))
        return proto.AnalyzerStackConfigureResponse().SerializeToString()

    def _settle(self, configuration: proto.AnalyzerStackConfigureRequest | None) -> None:
        with self._lock:
            if not self._configuration.done():
                self._configuration.set_result(configuration)

    def _forward(self, method: str, request: bytes, context: grpc.ServicerContext) -> bytes:
        self._settle(None)  # no stack is configured where a pack is only published
        try:
            return _call(self._pack.result(), method, request)
        except ToolchainError as error:
            context.abort(grpc.StatusCode.UNKNOWN, f"policy pack not started: {error}")
        except grpc.RpcError as error:
            context.abort(error.code(), error.details() or "")
        raise AssertionError("abort raises")

    def _attach(self, line: bytes) -> None:
        if not re.fullmatch(rb"\d+", line.strip()):
            raise ToolchainError("could not read policy pack port: expected integer")
        channel = grpc.insecure_channel(f"127.0.0.1:{int(line)}", options=LIMITS)
        configuration = self._configuration.result()
        if configuration is not None:
            try:
                _call(channel, f"{SERVICE}ConfigureStack", configuration.SerializeToString())
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                    raise ToolchainError(f"policy pack configuration failed: {error.details()}") from None
        self._pack.set_result(channel)


def _call(channel: grpc.Channel, method: str, request: bytes) -> bytes:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    return call(request)
