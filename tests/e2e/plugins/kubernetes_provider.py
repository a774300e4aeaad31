"""Driving a Kubernetes resource plugin by its gRPC calls, as the engine does, without the engine."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.kubernetes.values import from_struct, to_struct
from sandbox.plugins.protocol import (
    engine_pb2,
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

STAND_IN = (sys.executable, "-m", "sandbox.plugins.kubernetes")
Properties = dict[str, Any]


@dataclass
class Log(engine_pb2_grpc.EngineServicer):
    """The engine's log; holds (severity, message, ephemeral) of each line."""

    lines: list[tuple[int, str, bool]] = field(default_factory=list)

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> Empty:
        self.lines.append((request.severity, request.message, request.ephemeral))
        return Empty()

    def warnings(self) -> list[str]:
        return [message for severity, message, _ in self.lines if severity == engine_pb2.WARNING]


class InitFailedError(Exception):
    """A resource exists but is not as it should be: what the engine would store of it."""

    def __init__(self, detail: provider_pb2.ErrorResourceInitFailed) -> None:
        super().__init__(detail.reasons[0])
        self.id = detail.id
        self.state = from_struct(detail.properties)
        self.reasons = list(detail.reasons)


@dataclass
class Change:
    """The answer to a Diff."""

    kinds: dict[str, str]
    replaces: list[str]
    delete_before_replace: bool
    changes: bool


class Plugin:
    """A plugin that runs. Raises InitFailedError and grpc.RpcError."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub, log: Log) -> None:
        self.stub = stub
        self.log = log

    def configure(self, **variables: str) -> None:
        prefixed = {f"kubernetes:config:{key}": value for key, value in variables.items()}
        request = provider_pb2.ConfigureRequest(variables=prefixed, acceptSecrets=True)
        self.stub.Configure(request)

    def check(self, urn: str, news: Properties, olds: Properties | None = None) -> Properties:
        request = provider_pb2.CheckRequest(urn=urn, news=to_struct(news), randomSeed=b"seed" * 8)
        if olds is not None:
            request.olds.CopyFrom(to_struct(olds))
        answer = self.stub.Check(request)
        assert not answer.failures, list(answer.failures)
        return from_struct(answer.inputs)

    def diff(self, urn: str, state: Properties, news: Properties, ignored: Sequence[str] = ()) -> Change:
        request = provider_pb2.DiffRequest(
            id="id", urn=urn, olds=to_struct(state), news=to_struct(news), ignoreChanges=ignored
        )
        answer = self.stub.Diff(request)
        names = provider_pb2.PropertyDiff.Kind.Name
        return Change(
            {path: names(change.kind) for path, change in answer.detailedDiff.items()},
            sorted(answer.replaces),
            answer.deleteBeforeReplace,
            answer.changes == provider_pb2.DiffResponse.DIFF_SOME,
        )

    def diff_config(self, olds: Properties, news: Properties) -> tuple[int, list[str], list[str]]:
        urn = "urn:pulumi:test::plugins::pulumi:providers:kubernetes::it"
        request = provider_pb2.DiffRequest(urn=urn, olds=to_struct(olds), news=to_struct(news))
        answer = self.stub.DiffConfig(request)
        return answer.changes, sorted(answer.diffs), sorted(answer.replaces)

    def create(
        self, urn: str, inputs: Properties, *, preview: bool = False, timeout: float = 0
    ) -> tuple[str, Properties]:
        request = provider_pb2.CreateRequest(
            urn=urn, properties=to_struct(inputs), preview=preview, timeout=timeout
        )
        answer = self._call(self.stub.Create, request)
        return answer.id, from_struct(answer.properties)

    def update(
        self,
        urn: str,
        identifier: str,
        state: Properties,
        news: Properties,
        *,
        preview: bool = False,
        ignored: Sequence[str] = (),
    ) -> Properties:
        request = provider_pb2.UpdateRequest(
            id=identifier,
            urn=urn,
            olds=to_struct(state),
            news=to_struct(news),
            preview=preview,
            ignoreChanges=ignored,
        )
        return from_struct(self._call(self.stub.Update, request).properties)

    def read(
        self, urn: str, identifier: str, state: Properties | None = None, inputs: Properties | None = None
    ) -> tuple[str, Properties, Properties]:
        request = provider_pb2.ReadRequest(
            id=identifier, urn=urn, properties=to_struct(state or {}), inputs=to_struct(inputs or {})
        )
        answer = self._call(self.stub.Read, request)
        return answer.id, from_struct(answer.properties), from_struct(answer.inputs)

    def delete(self, urn: str, identifier: str, state: Properties) -> None:
        self._call(
            self.stub.Delete,
            provider_pb2.DeleteRequest(id=identifier, urn=urn, properties=to_struct(state)),
        )

    @staticmethod
    def _call(method: Any, request: Any) -> Any:
        try:
            return method(request)
        except grpc.RpcError as error:
            metadata = error.trailing_metadata() or ()
            details = next(
                (datum.value for datum in metadata if datum.key == "grpc-status-details-bin"), None
            )
            if details is None:
                raise
            status = status_pb2.Status.FromString(details)
            failed = provider_pb2.ErrorResourceInitFailed()
            assert status.details[0].Unpack(failed)
            raise InitFailedError(failed) from error


@contextmanager
def running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Plugin]:
    """Start a plugin, with an engine that does nothing but listen; stop both at the end."""
    log = Log()
    engine = grpc.server(ThreadPoolExecutor(8))
    engine_pb2_grpc.add_EngineServicer_to_server(log, engine)
    address = f"127.0.0.1:{engine.add_insecure_port('127.0.0.1:0')}"
    engine.start()
    with subprocess.Popen(
        [*command, address], stdout=subprocess.PIPE, text=True, env=dict(environment)
    ) as process:
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
                yield Plugin(provider_pb2_grpc.ResourceProviderStub(channel), log)
        finally:
            process.terminate()
            engine.stop(None).wait()


def urn_of(kind: str, name: str = "it") -> str:
    """The URN of a resource, by the rest of its type token: `apps/v1:Deployment`."""
    return f"urn:pulumi:test::plugins::kubernetes:{kind}::{name}"


def kubectl(sandbox: Mapping[str, str], *arguments: str) -> str:
    """What kubectl prints."""
    return subprocess.check_output(("kubectl", *arguments), env=sandbox, text=True)


MAP = urn_of("core/v1:ConfigMap")


def config_map(name: str, **data: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
