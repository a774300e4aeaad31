"""The smallest program that builds what it runs: an image of site/, in a namespace that NAMESPACE names."""

import os
from pathlib import Path

import pulumi_kubernetes as k8s

from components import AppImage

image = AppImage("site", context=Path("site"), repository=os.environ["REPOSITORY"])
namespace = k8s.core.v1.Namespace("namespace", metadata={"name": os.environ["NAMESPACE"]})
labels = {"app": "site"}
k8s.apps.v1.Deployment(
    "site",
    metadata={"name": "site", "namespace": namespace.metadata.name},
    spec={
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {
                "termination_grace_period_seconds": 1,
                "containers": [
                    {
                        "name": "site",
                        "image": image.ref,
                        "command": ["sleep", "infinity"],
                        "resources": {
                            "requests": {"cpu": "5m", "memory": "8Mi"},
                            "limits": {"memory": "32Mi"},
                        },
                    }
                ],
            },
        },
    },
)
