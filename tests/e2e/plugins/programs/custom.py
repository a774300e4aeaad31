"""A definition of a kind and an object of it. Configuration: `group`, `size`, the kind's `versions`."""

import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
group = config.require("group")
schema: k8s.apiextensions.v1.JSONSchemaPropsArgsDict = {
    "type": "object",
    "x_kubernetes_preserve_unknown_fields": True,
}
definition = k8s.apiextensions.v1.CustomResourceDefinition(
    "definition",
    metadata={"name": f"widgets.{group}"},
    spec={
        "group": group,
        "scope": "Cluster",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": name,
                "served": True,
                "storage": name == "v1",
                "schema": {"open_apiv3_schema": schema},
            }
            for name in config.require("versions").split()
        ],
    },
)
k8s.apiextensions.CustomResource(
    "widget",
    api_version=f"{group}/v1",
    kind="Widget",
    metadata={"name": "widget"},
    spec={"size": config.require_int("size"), "parts": [{"name": "a"}, {"name": "b"}]},
    opts=pulumi.ResourceOptions(depends_on=[definition]),
)
