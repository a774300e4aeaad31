"""A whole system from one image: a migration, a web process, a worker and a job on a schedule."""

from pathlib import Path
from typing import Any

import pulumi

from components import (
    CronJob,
    Entrance,
    EnvVar,
    Exposure,
    File,
    Job,
    Namespace,
    PodSecurity,
    Probe,
    Probes,
    Redis,
    Resources,
    Tls,
    Volume,
    WebService,
    Worker,
)
from components.kubernetes.pod import Compute

config = pulumi.Config()
namespace = Namespace(f"workloads-{pulumi.get_stack()}")
cache = Redis("cache", namespace=namespace.name, password=config.require("password"))

SOURCE = "/srv/shop/app.py"


def process(*words: str) -> dict[str, Any]:
    """Return what all processes have in common; `words` are the arguments of the application."""
    return {
        "namespace": namespace.name,
        "image": config.require("image"),
        "command": ["python3", SOURCE],
        "args": words,
        "env": [cache.url(), EnvVar.value("MIGRATION", config.require("migration"))]
        if words == ("migrate",)
        else [cache.url()],
        "files": [File.text(SOURCE, Path("app.py").read_text())],
        "resources": Resources(requests=Compute(cpu="50m", memory="64Mi")),
    }


migrate = Job("migrate", **process("migrate"), timeout=60)
web = WebService(
    "web",
    **process("web"),
    after=[migrate],
    replicas=1,
    volumes=[
        Volume.claim("/srv/media", name="media", size="16Mi"),
        Volume.scratch("/var/cache/shop", size="16Mi"),
        Volume.memory("/srv/fast", size="8Mi"),
    ],
    tmp="16Mi",
    expose=Exposure(
        target_port=80,
        host="hits.example.com",
        via=Entrance.ingress("nowhere"),
        tls=Tls.none("a test"),
        public="a test",
    ),
    probes=Probes(live=Probe.tcp(), ready=Probe.http("/readyz", host="hits.example.com")),
    security=PodSecurity(user=12345),
)
Worker("tasks", **process("work"), after=[migrate], probe=Probe.exec("true"), grace=10)
CronJob("report", **process("report"), schedule="0 0 1 1 *", time_zone="Europe/Berlin")

pulumi.export("url", web.url)
