"""A Deployment and a Job. Configuration: `namespace`, the Deployment's `command`, the Job's `words`."""

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
image = "python:3.11-slim-bookworm"
namespace = k8s.core.v1.Namespace("space", metadata={"name": config.require("namespace")})
k8s.apps.v1.Deployment(
    "web",
    metadata={
        "name": "web",
        "namespace": namespace.metadata.name,
        "annotations": {"pulumi.com/timeoutSeconds": config.require("timeout")},
    },
    spec={
        "selector": {"match_labels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "termination_grace_period_seconds": 0,
                "containers": [
                    {
                        "name": "web",
                        "image": image,
                        "command": ["sh", "-c", config.require("command")],
                        "readiness_probe": {
                            "exec_": {"command": ["test", "-e", "/tmp/ready"]},  # noqa: S108 - its own
                            "period_seconds": 1,
                        },
                    }
                ],
            },
        },
    },
)
k8s.batch.v1.Job(
    "migrate",
    metadata={"name": "migrate", "namespace": namespace.metadata.name},
    spec={
        "backoff_limit": 0,
        "template": {
            "spec": {
                "restart_policy": "Never",
                "containers": [
                    {"name": "migrate", "image": image, "command": ["echo", config.require("words")]}
                ],
            }
        },
    },
)
