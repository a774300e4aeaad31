"""Exposure: the ports of a Service, and the clients that reach it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import Field, PlainValidator, ValidationInfo, WithJsonSchema, field_validator

from components.kubernetes.entrance import Backend, Entrance, Tls
from components.validation import Port, Text, conflict, options

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]

PUBLIC = "slipway/public"
"""Annotation with the reason why a Service is open to the outside; policy/ refuses a Service without it."""

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_HOST = rf"(\*\.)?{_LABEL}(\.{_LABEL})+"


def _hosts(value: object) -> tuple[str, ...]:
    hosts = tuple(value) if isinstance(value, list | tuple) else (value,)
    for host in hosts:
        if not isinstance(host, str) or not re.fullmatch(_HOST, host) or len(host) > 253:
            raise ValueError("must be host names, without scheme, port or path: hits.example.com")
    return hosts


Hosts = Annotated[
    str | Sequence[str],
    PlainValidator(_hosts),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


@options
class Exposure:
    """The ports of the Service, and the clients that reach it.

    Exposure(host="hits.example.com", tls=Tls.issuer("letsencrypt"), public="the shop's front door")
    """

    port: Port = 80
    """The Service's port."""
    target_port: Port = 5000
    """The container's port."""
    type: ServiceType = "ClusterIP"
    """ClusterIP is for clients in the cluster, NodePort and LoadBalancer for clients outside too."""
    host: Hosts = ()
    """The name or names under which clients outside reach it, through the cluster's entrance."""
    paths: Sequence[Annotated[str, Field(pattern=r"^/")]] = ("/",)
    """The beginnings of the paths that lead to it; all others of its hosts may lead elsewhere."""
    via: Entrance = Entrance.ingress()
    """The entrance: an Ingress of the cluster's default class, unless given."""
    tls: Tls | None = None
    """The certificate of the hosts. An Ingress needs it, or the reason for none; a Gateway has its own."""
    public: Text | None = None
    """The reason why clients outside may reach it. policy/ refuses what is open without a reason."""

    @field_validator("tls")
    @classmethod
    def _fits_the_entrance(cls, value: Tls | None, info: ValidationInfo) -> Tls | None:
        via, host = info.data.get("via"), info.data.get("host")
        if value and not host:
            raise conflict("is given, but there is no host to prove the name of")
        if via and host:
            if not value and not via.has_certificates:
                raise conflict("is missing: Tls.issuer(…), Tls.secret(…), or Tls.none('REASON')")
            if value and value.encrypted and via.has_certificates:
                raise conflict("is given, but the listener of the Gateway has the certificate: leave it out")
        return value

    @field_validator("public")
    @classmethod
    def _is_open(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("type") == "ClusterIP" and not info.data.get("host"):
            raise conflict("is given, but type is ClusterIP, which only clients in the cluster reach")
        return value

    @property
    def annotations(self) -> Mapping[str, str]:
        """The annotation of whatever is open to the outside."""
        return {PUBLIC: self.public} if self.public else {}

    def backend(self, service: str) -> Backend | None:
        """Return the way from the entrance to the Service, if there is a host."""
        if not self.host:
            return None
        return Backend(service, self.port, self.host, self.paths, self.tls, self.annotations)

    @property
    def public_url(self) -> str | None:
        """The URL of its first host."""
        if not self.host:
            return None
        scheme = "http" if self.tls and not self.tls.encrypted else "https"
        return f"{scheme}://{self.host[0]}{self.paths[0].rstrip('/')}"


def service_url(service: k8s.core.v1.Service, port: int) -> pulumi.Output[str]:
    """Return the URL of a Service: its load balancer if it has one, else its address in the cluster."""

    def url(service: Sequence[Any]) -> str:
        spec, status = service
        ingress = ((status or {}).get("load_balancer") or {}).get("ingress")
        host = (ingress[0].get("hostname") or ingress[0].get("ip")) if ingress else spec["cluster_ip"]
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}" if port == 80 else f"http://{host}:{port}"

    return pulumi.Output.all(service.spec, service.status).apply(url)
