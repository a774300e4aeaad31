"""The smallest program that can be promoted: what delivery/ needs of a program, and no more."""

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
image = config.require("image")
name = f"pm-{pulumi.get_stack()}"
labels = {"app": "web"}

namespace = k8s.core.v1.Namespace("namespace", metadata={"name": name})
settings = k8s.core.v1.ConfigMap(
    "settings",
    metadata={"namespace": namespace.metadata.name, "name": "settings"},
    data={"greeting": config.get("greeting") or "hello"},
)
# Named by Pulumi: made a second time, and the first one forgotten, by an update that does not know of it.
notes = k8s.core.v1.ConfigMap("notes", metadata={"namespace": namespace.metadata.name}, data={"a": "b"})
web = k8s.apps.v1.Deployment(
    "web",
    metadata={
        "namespace": namespace.metadata.name,
        "name": "web",
        "annotations": {"pulumi.com/timeoutSeconds": "25"},
    },
    spec={
        "replicas": config.get_int("replicas") or 1,
        "progress_deadline_seconds": 20,
        "selector": {"match_labels": labels},
        "strategy": {"rolling_update": {"max_surge": 1, "max_unavailable": 0}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "termination_grace_period_seconds": 10,
                "containers": [
                    {
                        "name": "web",
                        "image": image,
                        "env": [{"name": "GREETING", "value": config.get("greeting") or "hello"}],
                        "resources": {
                            "requests": {"cpu": "20m", "memory": "32Mi"},
                            "limits": {"memory": "64Mi"},
                        },
                        "readiness_probe": {
                            "http_get": {"path": "/readyz", "port": 5000},
                            "period_seconds": 1,
                        },
                        "lifecycle": {"pre_stop": {"sleep": {"seconds": 3}}},
                    }
                ],
            },
        },
    },
)
k8s.core.v1.Service(
    "web",
    metadata={
        "namespace": namespace.metadata.name,
        "name": "web",
        "annotations": {"pulumi.com/skipAwait": "true"},
    },
    spec={"selector": labels, "ports": [{"port": 80, "target_port": 5000}]},
)

pulumi.export("image", image)
pulumi.export("namespace", namespace.metadata.name)
