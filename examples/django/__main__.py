"""django, adopted from app/compose.yaml; ADOPTED.md has a line for each field."""

import os
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from components import (
    AppImage,
    Compute,
    Database,
    EnvVar,
    Exposure,
    Job,
    Namespace,
    Postgres,
    Probe,
    Probes,
    Redis,
    Resources,
    Tls,
    WebService,
    Worker,
)

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
        "migrate",
        context=Path("app"),
        repository=config.require("repository"),
        secrets=build_secrets,
    ).ref

db_image: pulumi.Input[str] | None = config.get("dbImage")
if not db_image:
    db_image = AppImage(
        "db",
        context=Postgres.image_context,
        repository=config.require("repository"),
        secrets=build_secrets,
    ).ref

secrets = k8s.core.v1.Secret(
    "secrets",
    metadata={"namespace": namespace.name},
    string_data={"SECRET_KEY": config.require_secret("secretKey")},
)

db = Postgres(
    "db",
    namespace=namespace.name,
    image=db_image,
    storage="1Gi",
    databases=[Database(name="shop")],
)

redis = Redis("redis", namespace=namespace.name, storage="1Gi")

migrate = Job(
    "migrate",
    namespace=namespace.name,
    image=image,
    args=["python3", "manage.py", "migrate", "--noinput"],
    env=[
        *db.env,
        EnvVar.secret("SECRET_KEY", secrets.metadata.name, "SECRET_KEY"),
        EnvVar.value("DJANGO_ALLOWED_HOSTS", config.get("djangoAllowedHosts") or "*"),
        redis.url("CELERY_BROKER_URL"),
    ],
)

web = WebService(
    "web",
    namespace=namespace.name,
    image=image,
    env=[
        *db.env,
        EnvVar.secret("SECRET_KEY", secrets.metadata.name, "SECRET_KEY"),
        EnvVar.value("DJANGO_ALLOWED_HOSTS", config.get("djangoAllowedHosts") or "*"),
        redis.url("CELERY_BROKER_URL"),
    ],
    expose=Exposure(
        target_port=8000,
        host=host or (),
        tls=Tls.issuer(config.require("issuer")) if host else None,
        public="web is published in compose.yaml" if host else None,
    ),
    probes=Probes(live=Probe.tcp(), ready=Probe.http("/healthz", host="localhost")),
    after=[migrate],
)

Worker(
    "worker",
    namespace=namespace.name,
    image=image,
    args=["celery", "--app=shop", "worker", "--concurrency=1", "--loglevel=info"],
    env=[
        *db.env,
        EnvVar.secret("SECRET_KEY", secrets.metadata.name, "SECRET_KEY"),
        EnvVar.value("DJANGO_ALLOWED_HOSTS", config.get("djangoAllowedHosts") or "*"),
        redis.url("CELERY_BROKER_URL"),
    ],
    resources=Resources(limits=Compute(memory="384Mi")),
    grace=120,
    after=[migrate],
)

pulumi.export("url", web.url)
pulumi.export("dbImage", db_image)
pulumi.export("image", image)
pulumi.export("namespace", namespace.name)
