"""Pulumi's gRPC protocol, from the SDK, without the rest of the SDK.

`import pulumi` takes half a second, of which the messages are a fifth; a plugin needs nothing else of it.
"""

import importlib.util
import sys
from types import ModuleType


def _bare(package: str) -> None:
    """Let a package be imported from without running its `__init__`."""
    if package in sys.modules:
        return
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ImportError(f"{package} is not installed: pip install -r requirements.txt")
    module = ModuleType(package)
    module.__path__ = list(spec.submodule_search_locations)
    sys.modules[package] = module


_bare("pulumi")
_bare("pulumi.runtime")

from pulumi.runtime.proto import (  # noqa: E402 - only now without the SDK's own start
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

__all__ = [
    "engine_pb2",
    "engine_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "status_pb2",
]
