"""Pulumi's gRPC protocol and the SDK's version, without the rest of the SDK.

`import pulumi` takes several times as long as the messages alone; a plugin needs nothing else of it.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def _bare(*packages: str) -> Iterator[None]:
    """Let packages be imported from without running their `__init__`; later imports get the whole."""
    added = [package for package in packages if package not in sys.modules]
    for package in added:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError(f"{package} is not installed: pip install -r requirements.txt")
        module = ModuleType(package)
        module.__path__ = list(spec.submodule_search_locations)
        sys.modules[package] = module
    try:
        yield
    finally:
        for package in added:
            del sys.modules[package]


with _bare("pulumi", "pulumi.runtime"):
    from pulumi._version import version as sdk_version
    from pulumi.runtime.proto import (
        analyzer_pb2,
        engine_pb2,
        engine_pb2_grpc,
        language_pb2,
        language_pb2_grpc,
        plugin_pb2,
        provider_pb2,
        provider_pb2_grpc,
        status_pb2,
    )

__all__ = [
    "analyzer_pb2",
    "engine_pb2",
    "engine_pb2_grpc",
    "language_pb2",
    "language_pb2_grpc",
    "plugin_pb2",
    "provider_pb2",
    "provider_pb2_grpc",
    "sdk_version",
    "status_pb2",
]
