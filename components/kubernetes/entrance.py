"""Entrances: the Ingress, or the route of a Gateway, that leads a host name to a Service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.component import NOT_AWAITED
from components.validation import Name, Text, options

PLAIN_HTTP = "slipway/plain-http"
"""Annotation with the reason why a host is served without TLS."""

_REDIRECTS = {
    "nginx": {"nginx.ingress.kubernetes.io/ssl-redirect": "true"},
    "contour": {"ingress.kubernetes.io/force-ssl-redirect": "true"},
    "haproxy": {"haproxy.org/ssl-redirect": "true"},
}
"""The annotations by which a class redirects from http to https."""


class Tls(ABC):  # noqa: B024 # the kinds differ in what they do not need
    """How a host proves its name: `Tls.issuer` or `Tls.secret`, or `Tls.none` with the reason."""

    encrypted = True

    @staticmethod
    def issuer(name: str, *, kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer") -> Tls:
        """Return a certificate that cert-manager gets and renews from that issuer.

        https://cert-manager.io/docs/usage/ingress/
        """
        return _Issuer(name=name, kind=kind)

    @staticmethod
    def secret(name: str) -> Tls:
        """Return the certificate in the existing Secret of that name, with the keys tls.crt and tls.key."""
        return _Certificate(name=name)

    @staticmethod
    def none(reason: str) -> Tls:
        """Return no certificate: everyone on the network path can read and change requests and responses."""
        return _None(reason=reason)

    def secret_name(self, service: str) -> str | None:
        """Return the name of the Secret with the certificate."""
        return None

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations of the entrance."""
        return {}


@options
class _Issuer(Tls):
    name: Text
    kind: Literal["ClusterIssuer", "Issuer"]

    def secret_name(self, service: str) -> str:
        return f"{service}-tls"

    @property
    def annotations(self) -> dict[str, str]:
        kind = "cluster-issuer" if self.kind == "ClusterIssuer" else "issuer"
        return {f"cert-manager.io/{kind}": self.name}


@options
class _Certificate(Tls):
    name: Text

    def secret_name(self, service: str) -> str:
        return self.name


@options
class _None(Tls):
    reason: Text
    encrypted = False

    @property
    def annotations(self) -> dict[str, str]:
        return {PLAIN_HTTP: self.reason}


class Backend(NamedTuple):
    """Host names and paths that lead to a Service."""

    service: str
    port: int
    hosts: Sequence[str]
    paths: Sequence[str]
    tls: Tls | None
    annotations: Mapping[str, str]


class Child(NamedTuple):
    """The arguments for an object of an entrance."""

    make: Callable[..., pulumi.Resource]
    suffix: str
    annotations: dict[str, str]
    spec: Any


class Entrance(ABC):
    """The way into the cluster for host names: `Entrance.ingress` or `Entrance.gateway`."""

    has_certificates: bool
    """Whether the entrance has the certificates, and the service has none."""

    @staticmethod
    def ingress(class_name: str | None = None, *, annotations: Mapping[str, str] | None = None) -> Entrance:
        """Return an Ingress of that class, or of the cluster's default class.

        With TLS, http is redirected to https if the class is called nginx, contour or haproxy. Other classes
        need `annotations`, or do it by themselves.
        """
        return _Ingress(class_name=class_name, annotations=annotations or {})

    @staticmethod
    def gateway(
        name: str,
        *,
        namespace: str | None = None,
        listener: str = "https",
        redirect_from: str | None = "http",
    ) -> Entrance:
        """Return a route of the Gateway of that name, which has the certificates: an HTTPRoute.

        `listener` is the section of the Gateway that serves the hosts, and `redirect_from` the section whose
        requests are redirected to https, if there is any.
        """
        return _Gateway(name=name, namespace=namespace, listener=listener, redirect_from=redirect_from)

    @abstractmethod
    def children(self, backend: Backend) -> Iterator[Child]:
        """Yield the objects to create."""


@options
class _Ingress(Entrance):
    class_name: Text | None
    annotations: Mapping[str, str]
    has_certificates = False

    def children(self, backend: Backend) -> Iterator[Child]:
        paths: list[k8s.networking.v1.HTTPIngressPathArgsDict] = [
            {
                "path": path,
                "path_type": "Prefix",
                "backend": {"service": {"name": backend.service, "port": {"number": backend.port}}},
            }
            for path in backend.paths
        ]
        spec: k8s.networking.v1.IngressSpecArgsDict = {
            "rules": [{"host": host, "http": {"paths": paths}} for host in backend.hosts]
        }
        if self.class_name:
            spec["ingress_class_name"] = self.class_name
        annotations = {**NOT_AWAITED, **backend.annotations}
        if backend.tls:
            annotations |= backend.tls.annotations
            if secret := backend.tls.secret_name(backend.service):
                spec["tls"] = [{"hosts": list(backend.hosts), "secret_name": secret}]
                annotations |= _REDIRECTS.get(self.class_name or "", {})
        yield Child(k8s.networking.v1.Ingress, "", {**annotations, **self.annotations}, spec)


class HTTPRoute(k8s.apiextensions.CustomResource):
    """A route of Gateway API: https://gateway-api.sigs.k8s.io/api-types/httproute/."""

    def __init__(self, name: str, *, metadata: Any, spec: Any, opts: pulumi.ResourceOptions) -> None:
        super().__init__(
            name,
            api_version="gateway.networking.k8s.io/v1",
            kind="HTTPRoute",
            metadata=metadata,
            spec=spec,
            opts=opts,
        )


@options
class _Gateway(Entrance):
    name: Name
    namespace: Name | None
    listener: Text
    redirect_from: Text | None
    has_certificates = True

    def children(self, backend: Backend) -> Iterator[Child]:
        annotations = {**backend.annotations, **(backend.tls.annotations if backend.tls else {})}
        matches = [{"path": {"type": "PathPrefix", "value": path}} for path in backend.paths]
        rule = {"matches": matches, "backendRefs": [{"name": backend.service, "port": backend.port}]}
        yield Child(HTTPRoute, "", annotations, self._route(backend, self.listener, rule))
        if self.redirect_from and not backend.tls:
            to_https = {"scheme": "https", "statusCode": 301}
            redirect = {"filters": [{"type": "RequestRedirect", "requestRedirect": to_https}]}
            yield Child(
                HTTPRoute, "-redirect", annotations, self._route(backend, self.redirect_from, redirect)
            )

    def _route(self, backend: Backend, section: str, rule: Mapping[str, Any]) -> dict[str, Any]:
        parent = {"name": self.name, "sectionName": section}
        if self.namespace:
            parent["namespace"] = self.namespace
        return {"parentRefs": [parent], "hostnames": list(backend.hosts), "rules": [rule]}
