"""The smallest program that can be promoted, in its own namespace or in a given one, by HTTP or by HTTPS."""

import re
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
image = config.require("image")
labels = {"app": "web"}
# A version that never gets ready is given up soon; another may take long on a busy machine.
timeout = 20 if re.search(":(crash|slow)@", image) else 100

name = config.get("namespace") or f"pm-{pulumi.get_stack()}"
namespace: pulumi.Input[str] = name
if config.get_bool("createNamespace") is not False:
    namespace = k8s.core.v1.Namespace("namespace", metadata={"name": name}).metadata.name
settings = k8s.core.v1.ConfigMap(
    "settings",
    metadata={"namespace": namespace, "name": "settings"},
    data={"greeting": config.get("greeting") or "hello"},
)
# Named by Pulumi: made a second time, and the first one forgotten, by an update that does not know of it.
notes = k8s.core.v1.ConfigMap("notes", metadata={"namespace": namespace}, data={"a": "b"})
port, scheme = 80, "HTTP"
volumes: Any = None
mounts: Any = None
certificate = config.get_secret_object("certificate")
if certificate is not None:
    port, scheme = 443, "HTTPS"
    tls = k8s.core.v1.Secret(
        "tls",
        metadata={"namespace": namespace, "name": "tls"},
        type="kubernetes.io/tls",
        string_data=certificate,
    )
    volumes = [{"name": "tls", "secret": {"secret_name": tls.metadata.name}}]
    mounts = [{"name": "tls", "mount_path": "/tls"}]
web = k8s.apps.v1.Deployment(
    "web",
    metadata={
        "namespace": namespace,
        "name": "web",
        "annotations": {"pulumi.com/timeoutSeconds": str(timeout)},
    },
    spec={
        "replicas": config.get_int("replicas") or 1,
        "progress_deadline_seconds": timeout,
        "selector": {"match_labels": labels},
        "strategy": {"rolling_update": {"max_surge": 1, "max_unavailable": 0}},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "termination_grace_period_seconds": 10,
                "volumes": volumes,
                "containers": [
                    {
                        "name": "web",
                        "image": image,
                        "volume_mounts": mounts,
                        "env": [{"name": "GREETING", "value": config.get("greeting") or "hello"}],
                        "resources": {
                            "requests": {"cpu": "20m", "memory": "32Mi"},
                            "limits": {"memory": "64Mi"},
                        },
                        "readiness_probe": {
                            "http_get": {"path": "/readyz", "port": 5000, "scheme": scheme},
                            "period_seconds": 1,
                        },
                        "lifecycle": {"pre_stop": {"sleep": {"seconds": 5}}},
                    }
                ],
            },
        },
    },
)
k8s.core.v1.Service(
    "web",
    metadata={
        "namespace": namespace,
        "name": "web",
        "annotations": {"pulumi.com/skipAwait": "true"},
    },
    spec={"selector": labels, "ports": [{"port": port, "target_port": 5000}]},
)

pulumi.export("image", image)
pulumi.export("namespace", namespace)
