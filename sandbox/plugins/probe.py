"""Asking a plugin's program which version it is."""

import subprocess
from pathlib import Path
from threading import Timer

import grpc
from google.protobuf.empty_pb2 import Empty

from sandbox.instance import SandboxError
from sandbox.plugins.protocol import plugin_pb2

SERVICES = {"language": "LanguageRuntime", "resource": "ResourceProvider"}
ANSWERS_WITHIN = 30.0  # seconds


def version_of(kind: str, program: Path) -> str:
    """Start a plugin as the engine does, and return the version that it says it has.

    Raises SandboxError for a program that does not run here or is no plugin.
    """
    nobody = "127.0.0.1:1"  # the engine's address, which a plugin does not use before it has to
    try:
        with subprocess.Popen(
            (program, nobody), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            end = Timer(ANSWERS_WITHIN, process.kill)
            end.start()
            try:
                assert process.stdout is not None  # noqa: S101 - a pipe was asked for
                return _ask(SERVICES[kind], int(process.stdout.readline()))
            finally:
                end.cancel()
                process.kill()
    except (OSError, ValueError, grpc.RpcError) as error:
        raise SandboxError(f"{program} is no Pulumi plugin that runs here: {error}") from error


def _ask(service: str, port: int) -> str:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: grpc.UnaryUnaryMultiCallable[Empty, plugin_pb2.PluginInfo] = channel.unary_unary(
            f"/pulumirpc.{service}/GetPluginInfo",
            request_serializer=Empty.SerializeToString,
            response_deserializer=plugin_pb2.PluginInfo.FromString,
        )
        return call(Empty(), timeout=ANSWERS_WITHIN).version.removeprefix("v")
