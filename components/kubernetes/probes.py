"""Probes of containers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated

import pulumi_kubernetes as k8s
from pydantic import Field

from components.validation import Count, Port, Text, options

ProbeArgs = k8s.core.v1.ProbeArgsDict


class Probe(ABC):
    """A check of a container: `Probe.http`, `Probe.tcp` or `Probe.exec` makes one.

    https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
    """

    @staticmethod
    def http(path: str, *, port: int | None = None) -> "Probe":
        """Return a probe that passes if the path answers with a status from 200 to 399.

        It asks the port that the component exposes, unless `port` is given.
        """
        return _Http(path=path, port=port)

    @staticmethod
    def tcp(*, port: int | None = None) -> "Probe":
        """Return a probe that passes if the port accepts a connection."""
        return _Tcp(port=port)

    @staticmethod
    def exec(*command: str) -> "Probe":
        """Return a probe that passes if the command, run in the container, exits with 0."""
        return _Exec(command=command)

    @abstractmethod
    def action(self, port: int) -> ProbeArgs:
        """Return the action of the container's probe; `port` is the port that the component exposes."""


@options
class _Http(Probe):
    path: Annotated[str, Field(pattern="^/")]
    port: Port | None

    def action(self, port: int) -> ProbeArgs:
        return {"http_get": {"path": self.path, "port": self.port or port}}


@options
class _Tcp(Probe):
    port: Port | None

    def action(self, port: int) -> ProbeArgs:
        return {"tcp_socket": {"port": self.port or port}}


@options
class _Exec(Probe):
    command: Annotated[Sequence[Text], Field(min_length=1)]

    def action(self, port: int) -> ProbeArgs:
        return {"exec_": {"command": list(self.command)}}


@options
class Probes:
    """The probes of a web application."""

    live: Probe = Probe.http("/livez")
    """Passes if the process answers. It must not depend on other services: a restart repairs none of them."""
    ready: Probe = Probe.http("/readyz")
    """Passes if the pod can serve, which includes what it cannot serve without.

    All pods lose a shared service at the same moment: leave out what the application can do without.
    """
    startup: Count = 60
    """Seconds that a start may take before the container is restarted."""

    def for_container(self, port: int) -> tuple[ProbeArgs, ProbeArgs, ProbeArgs]:
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
