"""A Redis, a migration, and a worker that starts after both, all from one image; and a web service."""

from typing import Any

import pulumi

from components import EnvVar, Exposure, Probe, Probes, Rollout
from components.docker import Job, Namespace, Redis, WebService, Worker

config = pulumi.Config()
namespace = Namespace(f"processes-{pulumi.get_stack()}")


def impatient(kind: str, args: dict[str, Any]) -> None:
    """Give a container less time to become healthy than the component does."""
    if kind == "Container" and "wait_timeout" in args:
        args["wait_timeout"] = 30


cache = Redis(
    "cache",
    namespace=namespace.name,
    image=config.get("redisImage") or "redis:7-bookworm",
    storage="64Mi",
    transform=impatient,
)


def process(script: str) -> dict[str, Any]:
    """Return what both processes have in common; `redis` in their scripts is a client of the Redis."""
    client = 'redis() { redis-cli -h "$REDIS_HOST" "$@"; }\n'
    return {
        "namespace": namespace.name,
        "image": "redis:7-bookworm",
        "command": ["sh", "-c", client + script],
        "env": [*cache.env, EnvVar.value("REDISCLI_AUTH", "$(REDIS_PASSWORD)")],
    }


migrate = Job("migrate", **process(config.require("migration")), timeout=30)
Worker("tasks", **process(config.require("work")), after=[migrate], timeout=30, grace=5)
WebService(
    "web",
    namespace=namespace.name,
    image="python:3.11-slim-bookworm",
    command=["sh", "-c", config.require("serve")],
    replicas=1,
    expose=Exposure(port=config.require_int("port"), target_port=8000),
    probes=Probes(ready=Probe.http("/")),
    rollout=Rollout(timeout=30, termination_grace=6),
)
