"""flask-redis, adopted from app/compose.yaml; ADOPTED.md has a line for each field."""

import os
from pathlib import Path

import pulumi

from components import AppImage, Exposure, Namespace, Probe, Probes, Redis, Tls, WebService

config = pulumi.Config()
host = config.get("host")
namespace = Namespace(f"{pulumi.get_project()}-{pulumi.get_stack()}")

# Files of this machine; empty files are left out.
files = {
    "ca": Path(os.environ.get("PIP_CERT", "/dev/null")),
    "pip": Path(os.environ.get("PIP_CONFIG_FILE", "/dev/null")),
}
build_secrets: dict[str, pulumi.Input[str]] = {
    name: text for name, file in files.items() if (text := file.read_text())
}

image: pulumi.Input[str] | None = config.get("image")
if not image:
    image = AppImage(
        "web",
        context=Path("app"),
        repository=config.require("repository"),
        secrets=build_secrets,
    ).ref

redis = Redis("redis", namespace=namespace.name)

web = WebService(
    "web",
    namespace=namespace.name,
    image=image,
    env=[redis.url("REDIS_URL")],
    expose=Exposure(
        target_port=8000,
        host=host or (),
        tls=Tls.issuer(config.require("issuer")) if host else None,
        public="web is published in compose.yaml" if host else None,
    ),
    probes=Probes(live=Probe.tcp(), ready=Probe.http("/healthz", host="localhost")),
)

pulumi.export("url", web.url)
pulumi.export("image", image)
pulumi.export("namespace", namespace.name)
