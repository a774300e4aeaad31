"""A database with backups, those that were restored from it, and a pod that uses one of them."""

import pulumi

from components import (
    AppImage,
    Backups,
    Compute,
    EnvVar,
    Namespace,
    Postgres,
    Resources,
    Restore,
    Worker,
)  # fmt: skip
from stack.build_secrets import build_secrets
from stack.databases import Databases

config = pulumi.Config()
settings = Databases.load()
namespace = Namespace(f"restores-{pulumi.get_stack()}")
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
    drill="0 0 1 1 *",  # the tests run it
)


def postgres(name: str, restore: Restore | None = None) -> Postgres:
    """Make a database, empty or from the archive of another one."""
    return Postgres(
        name,
        namespace=namespace.name,
        image=server.ref,
        storage="512Mi",
        replicas=config.get_int("replicas") or 1,
        backups=backups,
        restore=restore,
        resources=Resources(limits=Compute(cpu="1", memory="384Mi")),
        protect=False,
    )


databases = {"db": postgres("db")} if config.get_bool("own") is not False else {}
databases |= {name: postgres(name, restore) for name, restore in settings.restored.items()}
used = databases[settings.database or next(iter(databases))]
Worker(
    "client",
    namespace=namespace.name,
    image=server.ref,
    command=["sleep", "infinity"],
    env=[*used.env, EnvVar.value("HOME", "/tmp")],  # noqa: S108 # in the pod
    replicas=1,
)
pulumi.export("image", server.ref)
pulumi.export("namespace", namespace.name)
pulumi.export("drill", used.drill)
