"""A database with a standby, and a pod that uses it."""

from pathlib import Path

import pulumi

from components import AppImage, Compute, Database, EnvVar, File, Namespace, Postgres, Resources, Worker
from stack.build_secrets import build_secrets

config = pulumi.Config()
namespace = Namespace(f"postgres-{pulumi.get_stack()}")
server = AppImage(
    "postgres",
    context=Postgres.image_context,
    repository=config.require("repository"),
    build_args={"EXTENSIONS": config.get("packages") or ""},
    secrets=build_secrets(),
)
report = ["report"]
writes = config.get_bool("writes") or False
connections = config.get("connections") or "50"
db = Postgres(
    "db",
    namespace=namespace.name,
    image=server.ref,
    storage=config.get("storage") or "512Mi",
    replicas=config.get_int("replicas") or 2,
    durability="sync" if config.get("durability") == "sync" else "async",
    databases=[
        Database(
            name="app",
            readers=[] if writes else report,
            writers=report if writes else [],
            extensions=["pgcrypto"],
        ),
        Database(name="other"),
    ],
    parameters={
        "shared_preload_libraries": config.get("libraries") or "",
        **({} if connections == "default" else {"max_connections": connections}),
    },
    timeout=config.get_int("timeout") or 300,
    resources=Resources(limits=Compute(cpu="1", memory=config.get("memory") or "384Mi")),
    password_version=config.get_int("passwords") or 1,
    protect=config.get_bool("protect") or False,
)
SOURCE = "/srv/client.py"
Worker(
    "client",
    namespace=namespace.name,
    image=config.get("client") or server.ref,
    command=["python3", SOURCE],
    env=[
        *db.env,
        db.url("READ_URL", read=True),
        db.url("REPORT_URL", user="report"),
        EnvVar.value("HOME", "/tmp"),
    ],
    files=[File.text(SOURCE, Path("client.py").read_text())],
    replicas=1,
)
pulumi.export("image", server.ref)
pulumi.export("host", db.host)
