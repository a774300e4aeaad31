"""The settings of the web service in a stack file."""

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from components.kubernetes.autoscaling import Autoscaling
from components.kubernetes.entrance import Entrance, Tls
from components.kubernetes.exposure import Exposure, Hosts, ServiceType
from components.kubernetes.pod import DEFAULT_RESOURCES, TMP, ProcessResources
from components.validation import Count, Memory, Port, Text, conflict, options


@options
class WebSettings:
    """The size and the reach of the web service."""

    replicas: Annotated[Count | None, Field(examples=[3])] = None
    """A fixed number of replicas; 3 if there is no autoscaling either."""
    autoscaling: Autoscaling | None = None
    """Autoscaling in place of a fixed number."""
    resources: ProcessResources = DEFAULT_RESOURCES
    """The resources of each pod. An amount not given keeps its default."""
    tmp: Annotated[Memory, Field(examples=["1Gi"])] = TMP
    """The size of /tmp, where most frameworks keep uploads."""
    port: Annotated[Port, Field(examples=[8000])] = 5000
    """The port that the application listens on."""
    service_port: Annotated[Port, Field(examples=[5000])] = 80
    """The Service's port; on a Docker engine also the port of the machine."""
    service_type: ServiceType = "ClusterIP"
    """ClusterIP is for clients in the cluster, NodePort and LoadBalancer for clients outside too."""
    host: Annotated[Hosts, Field(examples=["hits.example.com"])] = ()
    """The name or names under which clients outside reach it, through an Ingress."""
    ingress_class: Annotated[Text | None, Field(examples=["nginx"])] = None
    """The class of the Ingress; without it, the cluster's default class."""
    issuer: Annotated[Text | None, Field(examples=["letsencrypt"])] = None
    """The ClusterIssuer of cert-manager that the certificate of `host` comes from."""
    tls_secret: Annotated[Text | None, Field(examples=["hits-tls"])] = None
    """The existing Secret that has the certificate of `host`, in place of an issuer."""
    plain_http: Annotated[Text | None, Field(examples=['"REASON"'])] = None
    """The reason why `host` is served without encryption, in place of a certificate."""
    public: Annotated[Text | None, Field(examples=['"REASON"'])] = None
    """The reason why clients outside may reach it: for `host`, NodePort and LoadBalancer."""

    @field_validator("autoscaling")
    @classmethod
    def _owns_the_number(cls, value: Autoscaling | None, info: ValidationInfo) -> Autoscaling | None:
        if value and info.data.get("replicas") is not None:
            raise conflict("and replicas are both set, but an autoscaler owns the number of replicas")
        return value

    @field_validator("public")
    @classmethod
    def _fits_the_reach(cls, value: str | None, info: ValidationInfo) -> str | None:
        kind, host = info.data.get("service_type"), info.data.get("host")
        if value and kind == "ClusterIP" and host == ():
            raise conflict("is set, but serviceType is ClusterIP, which only clients in the cluster reach")
        if not value and (host or kind in ("NodePort", "LoadBalancer")):
            reach = "host is set" if host else f"serviceType is {kind}"
            text = f"is missing, but {reach}: give the reason why clients outside may reach it"
            raise conflict(text, use='"REASON"')
        return value

    def __post_init__(self) -> None:
        chosen = {"issuer": self.issuer, "tls_secret": self.tls_secret, "plain_http": self.plain_http}
        given = [name for name, value in chosen.items() if value]
        if self.host and not given:
            text = "is missing, but host is set: name a ClusterIssuer, or set tlsSecret or plainHttp instead"
            raise conflict(text, "issuer", use="letsencrypt")
        for name in given if not self.host else given[1:]:
            raise conflict(
                "is set, but host is not" if not self.host else f"and {given[0]} are both set", name
            )
        if self.ingress_class and not self.host:
            raise conflict("is set, but host is not", "ingress_class")

    @property
    def scale(self) -> int | Autoscaling:
        """The argument `replicas` of WebService."""
        return self.autoscaling or self.replicas or 3

    @property
    def exposure(self) -> Exposure:
        """The argument `expose` of WebService."""
        return Exposure(
            port=self.service_port,
            type=self.service_type,
            target_port=self.port,
            host=self.host,
            via=Entrance.ingress(self.ingress_class),
            tls=self._tls,
            public=self.public,
        )

    @property
    def _tls(self) -> Tls | None:
        if self.issuer:
            return Tls.issuer(self.issuer)
        if self.tls_secret:
            return Tls.secret(self.tls_secret)
        return Tls.none(self.plain_http) if self.plain_http else None
