"""Requests to the API server, with the patience that k8s.io/client-go has."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from sandbox.plugins.kubernetes.credentials import Headers, tls_context
from sandbox.plugins.kubernetes.errors import StatusError, UnreachableError
from sandbox.plugins.kubernetes.kubeconfig import Access

_RETRIES = 10


class Transport:
    """Sends JSON and reads JSON. Refusals raise StatusError, silence UnreachableError.

    `timeout` bounds a request, in seconds; None for no bound but that of connecting, 30 seconds.
    """

    def __init__(self, access: Access, timeout: float | None = None) -> None:
        context = tls_context(access)
        server_name = access.cluster.get("tls-server-name")
        self._headers = Headers(access, context)
        self._extensions = {"sni_hostname": server_name} if server_name else {}
        self._http = httpx.AsyncClient(
            base_url=access.cluster["server"],
            verify=context,
            proxy=access.cluster.get("proxy-url"),
            timeout=httpx.Timeout(timeout, connect=timeout or 30),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            headers={"User-Agent": "pulumi-kubernetes/4.32.0 (slipway)"},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def json(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        """The answer to a request. Empty parameters are left out."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"Accept": accept} | ({"Content-Type": content_type} if content else {})
        answer: dict[str, Any] = (await self._send(method, path, parameters, content, headers)).json()
        return answer

    async def text(self, path: str, parameters: Mapping[str, str]) -> str:
        """The answer to a GET, as text."""
        return (await self._send("GET", path, parameters)).text

    async def lines(self, path: str, parameters: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        """The JSON documents, one a line, of an answer that has no end in time."""
        request = await self._request("GET", path, parameters)
        request.extensions["timeout"]["read"] = None
        try:
            response = await self._http.send(request, stream=True)
            try:
                if response.is_error:
                    await response.aread()
                    raise _refusal(response)
                async for line in response.aiter_lines():
                    yield json.loads(line)
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise _unreachable(request, error) from error

    async def _send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request, again when the API server asks for it by Retry-After or has not taken it."""
        for attempt in range(_RETRIES + 1):
            request = await self._request(method, path, parameters, content, headers)
            try:
                response = await self._http.send(request)
            except httpx.TransportError as error:
                closed = isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError)
                if closed and method == "GET" and not attempt:
                    continue  # A kept connection that the API server has closed meanwhile.
                raise _unreachable(request, error) from error
            if response.is_success:
                return response
            if response.status_code == httpx.codes.UNAUTHORIZED and self._headers.renewable and not attempt:
                await self._headers.current(renew=True)
            elif "Retry-After" in response.headers and attempt < _RETRIES:
                await asyncio.sleep(float(response.headers["Retry-After"]))
            else:
                break
        raise _refusal(response)

    async def _request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Request:
        return self._http.build_request(
            method,
            path,
            params={key: value for key, value in (parameters or {}).items() if value},
            content=content,
            headers={**await self._headers.current(), **(headers or {})},
            extensions=self._extensions,
        )


def _refusal(response: httpx.Response) -> StatusError:
    try:
        status = response.json()
    except ValueError:
        status = {}
    if not isinstance(status, dict) or status.get("kind") != "Status":
        message = (
            f"an error on the server ({response.text[:200]!r}) has prevented the request from succeeding"
        )
        status = {"message": message, "code": response.status_code}
    return StatusError(status)


def _unreachable(request: httpx.Request, error: httpx.TransportError) -> UnreachableError:
    """In the words of Go's net/http, which users of the official plugin know."""
    reason = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError):
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        refused = any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error))
        reason = f"dial tcp {request.url.host}:{port}: " + (
            "connect: connection refused" if refused else reason
        )
    return UnreachableError(f'{request.method.capitalize()} "{request.url}": {reason}')


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None:
        found.append(current)
        if isinstance(current, BaseExceptionGroup):
            found.extend(current.exceptions)
        current = current.__cause__ or current.__context__
    return found
