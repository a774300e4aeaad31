"""Every kind that Slipway's components make, in the shapes that they give them.

Configuration: `namespace`, `greeting` (in a ConfigMap and a Secret), `port`, `storage`, `budget`.
"""

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
greeting, port = config.require("greeting"), config.require_int("port")
labels = {"app": "web", "stage": greeting}
container: k8s.core.v1.ContainerArgsDict = {
    "name": "web",
    "image": "python:3.11-slim-bookworm",
    "command": ["sleep", "3600"],
    "resources": {"requests": {"cpu": "0.01", "memory": "16Mi"}, "limits": {"memory": "0.5Gi"}},
}

namespace = k8s.core.v1.Namespace("space", metadata={"name": config.require("namespace"), "labels": labels})
placed = namespace.metadata.name


def meta(
    name: str | None = None, annotations: dict[str, str] | None = None
) -> k8s.meta.v1.ObjectMetaArgsDict:
    """In the namespace, named by us or by Pulumi."""
    made: k8s.meta.v1.ObjectMetaArgsDict = {"namespace": placed, "labels": {"app": "web"}}
    if name:
        made["name"] = name
    if annotations:
        made["annotations"] = annotations
    return made


k8s.networking.v1.NetworkPolicy(
    "policy",
    metadata=meta("policy"),
    spec={
        "pod_selector": {"match_labels": {"app": "web"}},
        "policy_types": ["Ingress", "Egress"],
        "ingress": [{"ports": [{"port": port, "protocol": "TCP"}]}],
    },
)
words = k8s.core.v1.ConfigMap("words", metadata=meta(), data={"greeting": greeting, "file.txt": "a\nb\n"})
password = k8s.core.v1.Secret(
    "password", metadata=meta(), string_data={"password": pulumi.Output.secret(f"secret {greeting}")}
)
generated = k8s.core.v1.Secret(
    "generated",
    metadata=meta(),
    string_data={"password": pulumi.Output.secret(f"new {port}")},
    opts=pulumi.ResourceOptions(ignore_changes=["data", "stringData"]),
)
k8s.core.v1.ServiceAccount("account", metadata=meta("web"), automount_service_account_token=port != 80)
k8s.core.v1.Service(
    "service",
    metadata=meta("web", {"pulumi.com/skipAwait": "true"}),
    spec={"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "target_port": port}]},
)
k8s.apps.v1.Deployment(
    "web",
    metadata=meta("web", {"pulumi.com/timeoutSeconds": "120"}),
    spec={
        "selector": {"match_labels": {"app": "web"}},
        "strategy": {"rolling_update": {"max_surge": 1, "max_unavailable": 0}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "automount_service_account_token": False,
                "termination_grace_period_seconds": 0,
                "containers": [
                    {
                        **container,
                        "env_from": [{"config_map_ref": {"name": words.metadata.name}}],
                        "env": [
                            {
                                "name": "PASSWORD",
                                "value_from": {
                                    "secret_key_ref": {"name": password.metadata.name, "key": "password"}
                                },
                            }
                        ],
                    }
                ],
            },
        },
    },
)
k8s.apps.v1.StatefulSet(
    "store",
    metadata=meta("store", {"pulumi.com/timeoutSeconds": "120"}),
    spec={
        "service_name": "store",
        "replicas": 1,
        "selector": {"match_labels": {"app": "store"}},
        "template": {
            "metadata": {"labels": {"app": "store"}},
            "spec": {"termination_grace_period_seconds": 0, "containers": [{**container, "name": "store"}]},
        },
        "volume_claim_templates": [
            {
                "metadata": {"name": "data"},
                "spec": {
                    "access_modes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": config.require("storage")}},
                },
            }
        ],
    },
)
k8s.autoscaling.v2.HorizontalPodAutoscaler(
    "scaler",
    metadata=meta("web"),
    spec={
        "scale_target_ref": {"api_version": "apps/v1", "kind": "Deployment", "name": "web"},
        "min_replicas": 1,
        "max_replicas": 1 if port == 80 else 2,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "average_utilization": 80}},
            }
        ],
    },
)
if config.require_bool("budget"):
    k8s.policy.v1.PodDisruptionBudget(
        "budget",
        metadata=meta("web"),
        spec={"max_unavailable": 1, "selector": {"match_labels": {"app": "web"}}},
    )
pulumi.export("words", words.metadata.name)
pulumi.export("password", password.data)
