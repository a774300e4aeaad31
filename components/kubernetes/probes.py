"""Probes of containers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import pulumi_kubernetes as k8s
from pydantic import AfterValidator, Field

from components.validation import Count, Port, Text, conflict, options

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class Probe(ABC):
    """A check of a container. Create it with `Probe.http`, `.tcp`, `.exec` or `.grpc`.

    https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
    """

    @staticmethod
    def http(
        path: str,
        *,
        port: int | None = None,
        host: str | None = None,
        headers: Mapping[str, str] | None = None,
        scheme: Literal["HTTP", "HTTPS"] = "HTTP",
    ) -> Probe:
        """Return a probe that passes if the path answers with a status from 200 to 399.

        It asks the port that the component exposes, unless `port` is given. Without `host` the request names
        the pod's address as its host, which applications with a list of hosts refuse: Django's ALLOWED_HOSTS.
        With HTTPS, no certificate is checked.
        """
        return _Http(path=path, port=port, host=host, headers=headers or {}, scheme=scheme)

    @staticmethod
    def tcp(*, port: int | None = None) -> Probe:
        """Return a probe that passes if the port accepts a connection."""
        return _Tcp(port=port)

    @staticmethod
    def exec(*command: str) -> Probe:
        """Return a probe that passes if the command, run in the container, exits with 0."""
        return _Exec(command=command)

    @staticmethod
    def grpc(*, port: int | None = None, service: str | None = None) -> Probe:
        """Return a probe that passes if the server reports, by gRPC's health protocol, that it serves.

        https://grpc.io/docs/guides/health-checking/
        """
        return _Grpc(port=port, service=service)

    @abstractmethod
    def action(self, port: int) -> k8s.core.v1.ProbeArgsDict:
        """Return the action of the container's probe; `port` is the port that the component exposes."""


@options
class _Http(Probe):
    path: Annotated[str, Field(pattern="^/")]
    port: Port | None
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:\[\]-]+$")] | None
    headers: Mapping[HeaderName, str]
    scheme: Literal["HTTP", "HTTPS"]

    def __post_init__(self) -> None:
        if self.host and "host" in map(str.lower, self.headers):
            raise conflict("must not name Host, because host is given", "headers")

    def action(self, port: int) -> k8s.core.v1.ProbeArgsDict:
        get: k8s.core.v1.HTTPGetActionArgsDict = {"path": self.path, "port": self.port or port}
        headers = {**({"Host": self.host} if self.host else {}), **self.headers}
        if headers:
            get["http_headers"] = [{"name": name, "value": value} for name, value in headers.items()]
        if self.scheme != "HTTP":
            get["scheme"] = self.scheme
        return {"http_get": get}


@options
class _Tcp(Probe):
    port: Port | None

    def action(self, port: int) -> k8s.core.v1.ProbeArgsDict:
        return {"tcp_socket": {"port": self.port or port}}


@options
class _Exec(Probe):
    command: Annotated[Sequence[Text], Field(min_length=1)]

    def action(self, port: int) -> k8s.core.v1.ProbeArgsDict:
        return {"exec_": {"command": list(self.command)}}


def _is_command(probe: Probe) -> Probe:
    if not isinstance(probe, _Exec):
        raise ValueError("must be Probe.exec(…): there is no port to ask")
    return probe


CommandProbe = Annotated[Probe, AfterValidator(_is_command)]


@options
class _Grpc(Probe):
    port: Port | None
    service: Text | None

    def action(self, port: int) -> k8s.core.v1.ProbeArgsDict:
        grpc: k8s.core.v1.GRPCActionArgsDict = {"port": self.port or port}
        if self.service:
            grpc["service"] = self.service
        return {"grpc": grpc}


@options
class Probes:
    """The probes of a web application."""

    live: Probe = Probe.http("/livez")
    """Passes if the process answers. It must not depend on other services: a restart repairs no service."""
    ready: Probe = Probe.http("/readyz")
    """Passes if the pod can serve, including the services that it cannot serve without.

    All pods lose a shared service at the same moment: check no service that the application can do without.
    """
    startup: Count = 60
    """Seconds that a start may take before the container is restarted."""

    def for_container(self, port: int) -> tuple[k8s.core.v1.ProbeArgsDict, ...]:
        """Return a container's startup, readiness and liveness probe.

        The startup probe runs each second, so that rollouts are quick.
        """
        live, ready = self.live.action(port), self.ready.action(port)
        failures = self.startup
        return (
            {**live, "period_seconds": 1, "timeout_seconds": 2, "failure_threshold": failures},
            {**ready, "period_seconds": 2, "timeout_seconds": 2},
            {**live, "period_seconds": 10, "timeout_seconds": 2},
        )
