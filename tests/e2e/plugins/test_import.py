"""`pulumi import` writes code that describes the imported objects: its preview shows no change."""

import json
import textwrap
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.e2e.plugins.pulumi_project import Outcome, Project
from tests.e2e.sandbox.cluster import Cluster

DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
OBJECTS = """
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: settings, labels: {app.kubernetes.io/name: web}, annotations: {example.com/note: "${a}"}}
    data:
      app.conf: "[first]\\n$${HOME} %{if} \\"quoted\\"\\n"
      one-line: "a \\"quote\\", a \\\\, a tab\\tand \\u2603 \\U0001F600\\n"
      empty: ""
    binaryData: {bytes: AAEC}
    ---
    apiVersion: v1
    kind: Secret
    metadata: {name: login}
    stringData: {password: correct-horse}
    ---
    apiVersion: v1
    kind: Service
    metadata: {name: web}
    spec:
      selector: {app: web}
      ports: [{name: http, port: 80, targetPort: http}, {name: metrics, port: 9090, targetPort: 9090}]
    ---
    apiVersion: apps/v1
    kind: Deployment
    metadata: {name: web}
    spec:
      replicas: 0
      selector: {matchLabels: {app: web}}
      template:
        metadata: {labels: {app: web}}
        spec:
          automountServiceAccountToken: false
          securityContext: {runAsNonRoot: true}
          volumes: [{name: conf, configMap: {name: settings, items: [{key: app.conf, path: conf}]}}]
          containers:
          - name: web
            image: registry.example/web:1
            command: [sh, -c, "while true\\ndo sleep 1\\ndone"]
            env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: login, key: password}}}]
            ports: [{name: http, containerPort: 8080}]
            readinessProbe: {httpGet: {path: /, port: http}}
            resources: {requests: {cpu: 250m, memory: 64Mi}}
            volumeMounts: [{name: conf, mountPath: /conf, readOnly: true}]
    ---
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: widgets.NAMESPACE.example}
    spec:
      group: NAMESPACE.example
      scope: Namespaced
      names: {kind: Widget, plural: widgets}
      versions:
      - name: v1
        served: true
        storage: true
        additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.maxSize}]
        schema:
          openAPIV3Schema:
            type: object
            required: [spec]
            properties:
              spec:
                type: object
                properties:
                  maxSize: {type: integer, minimum: 1, default: 3, nullable: true}
                  shapes: {type: array, items: {type: string, enum: [round, square]}}
                  labels: {type: object, additionalProperties: {type: number, minimum: 2, maximum: 2.5}}
"""


@pytest.fixture(scope="module")
def objects(sandbox: dict[str, str]) -> Iterator[str]:
    """Make the objects with kubectl, and return the name of their namespace."""
    name = f"import-{uuid.uuid4().hex[:8]}"
    manifest = textwrap.dedent(OBJECTS).replace("NAMESPACE", name)
    with Cluster(sandbox).namespace(name) as cluster:
        cluster.do("apply", "--filename", "-", stdin=manifest)
        yield name
        cluster.do("delete", "customresourcedefinition", f"widgets.{name}.example", "--wait=false")


def listed(namespace: str) -> dict[str, Sequence[dict[str, str]]]:
    """A file for `pulumi import`: the namespace too, so that the others refer to it."""
    return {
        "resources": [
            {"type": "kubernetes:core/v1:ConfigMap", "name": "settings", "id": f"{namespace}/settings"},
            {"type": "kubernetes:core/v1:Secret", "name": "log.in", "id": f"{namespace}/login"},
            {"type": "kubernetes:core/v1:Service", "name": "web", "id": f"{namespace}/web"},
            {"type": "kubernetes:apps/v1:Deployment", "name": "webApp", "id": f"{namespace}/web"},
            {"type": "kubernetes:core/v1:Namespace", "name": "space", "id": namespace},
            {"type": DEFINITION, "name": "widgets", "id": f"widgets.{namespace}.example"},
            {"type": "kubernetes:apiregistration.k8s.io/v1:APIService", "name": "apps", "id": "v1.apps"},
        ]
    }


def imported(project: Project, namespace: str) -> Outcome:
    project.write("import.json", json.dumps(listed(namespace)))
    return project.operate("import", "--file", "import.json", "--out", "code.py", check=False)


def test_the_code_of_what_was_imported_changes_nothing(
    sandbox: dict[str, str], objects: str, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", sandbox)
    done = imported(project, objects)
    assert done.code == 0, done
    code = (project.directory / "code.py").read_text()
    assert '"namespace": space.id' in code
    project.write("__main__.py", code)
    previewed = project.operate("preview")
    assert previewed.steps.keys() == {"settings", "log.in", "web", "webApp", "space", "widgets", "apps"}
    assert not previewed.changes


def test_the_code_of_one_resource_is_printed(sandbox: dict[str, str], objects: str, tmp_path: Path) -> None:
    project = Project(tmp_path / "project", sandbox)
    kind, identifier = "kubernetes:core/v1:ConfigMap", f"{objects}/settings"
    done = project.operate("import", kind, "settings", identifier, "--protect=false")
    assert "Please copy the following code into your Pulumi application." in done.output
    project.write("__main__.py", done.output[done.output.index("import pulumi\n") :])
    previewed = project.operate("preview")
    assert "settings" in previewed.steps
    assert not previewed.changes
