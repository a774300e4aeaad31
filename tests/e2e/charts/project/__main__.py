"""The same cache from a chart, a registry's chart, a Helm release, manifests and a kustomization.

`sources` names those to deploy; `values` are those of the three Helm sources.
"""

import pulumi
from pulumi_kubernetes.helm.v3 import Release
from pulumi_kubernetes.helm.v4 import Chart
from pulumi_kubernetes.kustomize.v2 import Directory
from pulumi_kubernetes.yaml.v2 import ConfigGroup

config = pulumi.Config()
namespace = pulumi.Config("kubernetes").require("namespace")
sources = config.require_object("sources")
values = config.require_object("values")

if "directory" in sources:
    Chart("directory", chart="./charts/cache", namespace=namespace, values=values)

if "registry" in sources:
    Chart(
        "registry",
        chart=config.require("repository"),  # oci://registry.example/charts/cache
        version=config.require("version"),
        plain_http=True,
        namespace=namespace,
        values=values,
    )

if "release" in sources:
    Release("release", name="release", chart="./charts/cache", namespace=namespace, values=values, timeout=60)

if "manifests" in sources:
    ConfigGroup("manifests", files=["manifests/*.yaml"])

if "kustomize" in sources:
    Directory("kustomize", directory="./kustomize/overlay")
