"""Exposure: the ports of a Service, and the clients that reach it."""

from collections.abc import Sequence
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s
from pydantic import ValidationInfo, field_validator

from components.validation import Port, Text, conflict, options

ServiceType = Literal["ClusterIP", "NodePort", "LoadBalancer"]

PUBLIC = "slipway/public"
"""Annotation with the reason why a Service is open to the outside; policy/ refuses a Service without it."""


@options
class Exposure:
    """The ports of the Service, and the clients that reach it."""

    port: Port = 80
    """The Service's port."""
    target_port: Port = 5000
    """The container's port."""
    type: ServiceType = "ClusterIP"
    """ClusterIP is for clients in the cluster, NodePort and LoadBalancer for clients outside too."""
    public: Text | None = None
    """The reason why clients outside may reach it. policy/ refuses NodePort and LoadBalancer without."""

    @field_validator("public")
    @classmethod
    def _is_open(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value and info.data.get("type") == "ClusterIP":
            raise conflict("is given, but type is ClusterIP, which only clients in the cluster reach")
        return value


def service_url(service: k8s.core.v1.Service, port: int) -> pulumi.Output[str]:
    """Return the URL of a Service: its load balancer if it has one, else its address in the cluster."""

    def url(service: Sequence[Any]) -> str:
        spec, status = service
        ingress = ((status or {}).get("load_balancer") or {}).get("ingress")
        host = (ingress[0].get("hostname") or ingress[0].get("ip")) if ingress else spec["cluster_ip"]
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}" if port == 80 else f"http://{host}:{port}"

    return pulumi.Output.all(service.spec, service.status).apply(url)
