"""The web service, with what protects those who use it or, as a control, without."""

import pulumi

from components import Autoscaling, Probes, RedisCache, RestrictedNamespace, Rollout, WebService

config = pulumi.Config()
protected = config.require_bool("protected")
replicas = config.require_int("replicas")
namespace = RestrictedNamespace(f"load-{pulumi.get_stack()}")
cache = RedisCache("cache", namespace=namespace.name, storage="64Mi")
web = WebService(
    "web",
    namespace=namespace.name,
    image=config.require("image"),
    env=cache.env,
    replicas=Autoscaling(min_replicas=replicas, max_replicas=replicas + 2, cpu_utilization=10)
    if config.get_bool("autoscaled")
    else replicas,
    probes=Probes() if protected else None,
    rollout=Rollout(pre_stop=5 if protected else 0),
)
pulumi.export("url", web.url)
pulumi.export("namespace", namespace.name)
