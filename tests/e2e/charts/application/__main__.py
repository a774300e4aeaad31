"""The web application with its Redis from a chart; docs/guides/charts.md explains it."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi_kubernetes.helm.v4 import Chart

from components import Endpoint, EnvVar, Namespace, Probe, Probes, WebService

config = pulumi.Config()
image = config.require("image")
namespace = Namespace(config.require("namespace"))

cache = Chart("cache", chart="./charts/cache", namespace=namespace.name, values={"memory": "32mb"})

redis = Endpoint(
    port=6379,
    pods={"app.kubernetes.io/instance": "cache"},  # the labels of the chart's pods
    client_labels={"cache-client": "true"},
)

k8s.networking.v1.NetworkPolicy(
    "cache",
    metadata={"namespace": namespace.name},
    spec={
        "pod_selector": {"match_labels": dict(redis.pods or {})},
        "policy_types": ["Ingress", "Egress"],
        "ingress": [
            {
                "from_": [{"pod_selector": {"match_labels": dict(redis.client_labels)}}],
                "ports": [{"port": redis.port, "protocol": "TCP"}],
            }
        ],
    },
)

web = WebService(
    "web",
    namespace=namespace.name,
    image=image,
    env=[
        EnvVar.value("REDIS_HOST", "cache", endpoint=redis),  # the name of the chart's Service
        EnvVar.value("REDIS_PORT", "6379"),
    ],
    probes=Probes(ready=Probe.http("/livez")),
    opts=pulumi.ResourceOptions(depends_on=[cache]),
)

pulumi.export("url", web.url)
