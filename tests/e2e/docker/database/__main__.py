"""A database with backups, another that begins with its archive, and a web service that uses the first."""

import pulumi

from components import (
    AppImage,
    Backups,
    Compute,
    Database,
    Exposure,
    Probe,
    Probes,
    Resources,
    Restore,
    Rollout,
)
from components.docker import Namespace, Postgres, WebService
from stack.build_secrets import build_secrets

config = pulumi.Config()
namespace = Namespace(f"database-{pulumi.get_stack()}")
server = AppImage(
    "postgres",
    context=Postgres.image_context,
    repository=config.require("repository"),
    secrets=build_secrets(),
)
backups = Backups(
    url=f"s3://backups/{pulumi.get_stack()}",
    endpoint=config.require("endpoint"),
    access_key=config.require_secret("accessKey"),
    secret_key=config.require_secret("secretKey"),
)


def database(name: str, restore: Restore | None = None) -> Postgres:
    """Make a database; that of a restore may leave the stack."""
    return Postgres(
        name,
        namespace=namespace.name,
        image=server.ref,
        storage="512Mi",
        databases=[Database(name="app", readers=["report"], extensions=["pgcrypto"])],
        backups=backups,
        restore=restore,
        resources=Resources(limits=Compute(memory=config.get("memory") or "384Mi")),
        protect=restore is None,
        timeout=config.get_int("timeout") or 120,
    )


db = database("db")
if moment := config.get("moment"):
    database("restored", Restore(server="db", time=moment))
WebService(
    "web",
    namespace=namespace.name,
    image=server.ref,
    command=["python3", "-m", "http.server", "8000", "--directory=/srv"],
    env=[*db.env, db.url("REPORT_URL", user="report", read=True)],
    replicas=1,
    expose=Exposure(port=config.require_int("port"), target_port=8000),
    probes=Probes(ready=Probe.http("/")),
    rollout=Rollout(timeout=60, termination_grace=6),
)
pulumi.export("drill", db.drill)
