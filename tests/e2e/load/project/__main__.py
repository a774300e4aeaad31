"""The web service, with what protects those who use it or, as a control, without."""

from typing import Any

import pulumi

from components import Autoscaling, Namespace, Probe, Probes, Redis, Rollout, WebService

config = pulumi.Config()
protected = config.require_bool("protected")
replicas = config.require_int("replicas")
autoscaled = bool(config.get_bool("autoscaled"))


def start_slowly(kind: str, args: dict[str, Any]) -> None:
    """Make it an application that takes its time: to be ready then has to mean something."""
    if kind == "Deployment":
        start = "import os, time; time.sleep(3); os.execvp('gunicorn', ['gunicorn'])"
        args["spec"]["template"]["spec"]["containers"][0]["command"] = ["python3", "-c", start]


namespace = Namespace(f"load-{pulumi.get_stack()}")
cache = Redis("cache", namespace=namespace.name, storage="64Mi")
web = WebService(
    "web",
    namespace=namespace.name,
    image=config.require("image"),
    env=cache.env,
    replicas=Autoscaling(min_replicas=replicas, max_replicas=replicas + 2, cpu_utilization=10)
    if autoscaled
    else replicas,
    probes=Probes(ready=Probe.http("/livez")) if protected else None,  # Redis may be away
    rollout=Rollout(pre_stop=5 if protected else 0),
    transform=start_slowly,
)
pulumi.export("url", web.url)
