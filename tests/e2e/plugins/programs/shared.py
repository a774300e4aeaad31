"""Objects that others made, or of which they own fields. Configuration: `namespace`, `value`, `force`."""

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
value = config.require("value")
namespace = k8s.core.v1.Namespace(
    "space",
    metadata={"name": config.require("namespace")},
    opts=pulumi.ResourceOptions(import_=config.require("namespace")),
)
placed = namespace.metadata.name
k8s.core.v1.Service(
    "contested",
    metadata={
        "name": "contested",
        "namespace": placed,
        "annotations": {
            "pulumi.com/skipAwait": "true",
            **({"pulumi.com/patchForce": "true"} if config.require_bool("force") else {}),
        },
        "labels": {"owner": value},
    },
    spec={"selector": {"app": "web"}, "ports": [{"port": 80}]},
)
k8s.core.v1.ServiceAccount(
    "ignored",
    metadata={"name": "ignored", "namespace": placed, "labels": {"owner": value}},
    opts=pulumi.ResourceOptions(ignore_changes=["metadata.labels.owner"]),
)
k8s.core.v1.NamespacePatch(
    "patch",
    metadata={"name": "kube-node-lease", "labels": {config.require("namespace"): value}},
)
