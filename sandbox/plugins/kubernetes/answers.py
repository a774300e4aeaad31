"""How a call of the engine ends: with an answer, or with an error as the engine understands it."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NoReturn, TypeVar

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage

from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.kubernetes.listing import InvalidQueryError
from sandbox.plugins.kubernetes.resources import PartialError
from sandbox.plugins.kubernetes.values import to_struct
from sandbox.plugins.protocol import provider_pb2, status_pb2

VERSION = "4.32.0"
"""The version of the official plugin that this one stands in for."""

Context = grpc.aio.ServicerContext[Any, Any]
Service = TypeVar("Service")
Request = TypeVar("Request")
Response = TypeVar("Response")
Method = Callable[[Service, Request, Context], Awaitable[Response]]


def answers(method: Method[Service, Request, Response]) -> Method[Service, Request, Response]:
    """Tell the engine of the ProviderErrors that a method raises."""

    @wraps(method)
    async def answer(service: Service, request: Request, context: Context) -> Response:
        try:
            return await method(service, request, context)
        except ProviderError as error:
            await fail(error, context)

    return answer


async def fail(error: ProviderError, context: Context) -> NoReturn:
    """End a call with an error; one about a resource that exists nevertheless carries what to store of it."""
    if isinstance(error, PartialError):
        context.set_trailing_metadata((("grpc-status-details-bin", _status(error)),))
    invalid = isinstance(error, InvalidQueryError)
    code = grpc.StatusCode.INVALID_ARGUMENT if invalid else grpc.StatusCode.UNKNOWN
    await context.abort(code, str(error))
    raise AssertionError("abort does not return")


def _status(error: PartialError) -> bytes:
    detail = AnyMessage()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.result.id,
            properties=to_struct(error.result.state),
            reasons=error.reasons,
            inputs=None if error.result.inputs is None else to_struct(error.result.inputs),
        )
    )
    code = grpc.StatusCode.UNKNOWN.value[0]
    return status_pb2.Status(code=code, message=str(error), details=[detail]).SerializeToString()
