"""Services behind host names, by an Ingress and by a Gateway; and services that probes ask otherwise."""

from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import (
    Entrance,
    EnvVar,
    Exposure,
    File,
    Namespace,
    Probe,
    Probes,
    Resources,
    Tls,
    WebService,
)
from components.kubernetes.pod import Compute

config = pulumi.Config()
hosts: list[str] = config.require_object("hosts")
namespace = Namespace(f"doors-{pulumi.get_stack()}")
certificate = k8s.core.v1.Secret(
    "certificate",
    metadata={"name": "certificate", "namespace": namespace.name},
    type="kubernetes.io/tls",
    string_data={f"tls.{part}": Path(config.require(part)).read_text() for part in ("crt", "key")},
)

SOURCE = "/srv/app.py"


def by_ingress(*hosts: str, path: str = "/") -> Exposure:
    """Return what leads hosts to a service by Contour's Ingress."""
    via, tls = Entrance.ingress("contour"), Tls.secret("certificate")
    return Exposure(host=hosts, paths=[path], via=via, tls=tls, public="a test")


def process(*words: str) -> dict[str, Any]:
    """Return what all services have in common; `words` are the arguments of the application."""
    return {
        "namespace": namespace.name,
        "image": config.require("image"),
        "command": ["python3", SOURCE],
        "args": words,
        "files": [File.text(SOURCE, Path("app.py").read_text())],
        "resources": Resources(requests=Compute(cpu="20m", memory="32Mi")),
        "opts": pulumi.ResourceOptions(depends_on=[certificate]),
    }


WebService(
    "shop",
    **process("http", "shop"),
    env=[EnvVar.value("VERSION", config.get("version") or "1")],
    replicas=2,
    expose=by_ingress(*hosts),
)
WebService(
    "api",
    **process("http", "api"),
    replicas=1,
    expose=by_ingress(hosts[0], path="/api"),
)
WebService(
    "routed",
    **process("http", "routed"),
    replicas=1,
    expose=Exposure(
        host=config.require("routed"),
        via=Entrance.gateway("contour", namespace="projectcontour"),
        public="a test",
    ),
)

secret = {
    "files": [
        File.text(SOURCE, Path("app.py").read_text()),
        *(File.secret(f"/srv/tls.{part}", "certificate", f"tls.{part}") for part in ("crt", "key")),
    ]
}
encrypted = Probe.http("/readyz", scheme="HTTPS")
WebService(
    "encrypted",
    **{**process("https", "encrypted"), **secret},
    replicas=1,
    probes=Probes(live=encrypted, ready=encrypted),
)
WebService(
    "remote",
    **process("grpc"),
    replicas=1,
    probes=Probes(live=Probe.tcp(), ready=Probe.grpc()),
)
