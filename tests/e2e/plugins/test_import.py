"""`pulumi import` writes the code of what it imports as the official plugins do; it changes nothing."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from tests.e2e.plugins.pulumi_project import OFFICIAL, STAND_IN, Outcome, Project, environment, kubectl

NOTHING = "it looks like GetSchema is not implemented"
"""What the official Kubernetes plugin answers if it was built without its schema."""
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
# The official generator writes these in another meaning, or as no Python at all.
DIFFICULT = {"path": "c:\\new\\\nd:\\\n", "quotes": 'a\nb """\n"', "controls": "\u0001\u007f\u00a0\r\n"}


@pytest.fixture(scope="module")
def objects(sandbox: dict[str, str], namespace: str) -> Iterator[str]:
    """Objects that kubectl has made; the namespace that they are in."""
    lines = OBJECTS.replace("NAMESPACE", namespace).splitlines()
    text = "\n".join(line.removeprefix("    ") for line in lines)
    difficult = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "difficult"},
        "data": DIFFICULT,
    }
    manifest = yaml.safe_dump_all([*yaml.safe_load_all(text), difficult])
    apply = ("kubectl", "apply", "--namespace", namespace, "--filename", "-")
    subprocess.run(apply, env=sandbox, input=manifest, text=True, check=True, capture_output=True)
    yield namespace
    kubectl(sandbox, "delete", "customresourcedefinition", f"widgets.{namespace}.example", "--wait=false")


@pytest.fixture(scope="module")
def stand_in(sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return environment(sandbox, STAND_IN, "kubernetes", tmp_path_factory.mktemp(STAND_IN))


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
    stand_in: Mapping[str, str], objects: str, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", stand_in)
    done = imported(project, objects)
    assert done.code == 0, done
    code = (project.directory / "code.py").read_text()
    assert '"namespace": space.id' in code
    project.write("__main__.py", code)
    previewed = project.operate("preview")
    assert previewed.steps.keys() == {"settings", "log.in", "web", "webApp", "space", "widgets", "apps"}
    assert not previewed.changes


def test_the_code_of_one_resource_is_printed(
    stand_in: Mapping[str, str], objects: str, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project", stand_in)
    kind, identifier = "kubernetes:core/v1:ConfigMap", f"{objects}/difficult"
    done = project.operate("import", kind, "difficult", identifier, "--protect=false")
    assert "Please copy the following code into your Pulumi application." in done.output
    project.write("__main__.py", done.output[done.output.index("import pulumi\n") :])
    previewed = project.operate("preview")
    assert "difficult" in previewed.steps
    assert not previewed.changes


@pytest.mark.parametrize("alone", [True, False], ids=["host", "both"])
def test_the_code_is_that_of_the_official_plugins(
    sandbox: dict[str, str], stand_in: Mapping[str, str], objects: str, tmp_path: Path, alone: bool
) -> None:
    official = environment(sandbox, OFFICIAL, "python", tmp_path / OFFICIAL, alone=alone)
    codes = {}
    for origin, plugins in {OFFICIAL: official, STAND_IN: stand_in}.items():
        project = Project(tmp_path / origin / "project", plugins)
        done = imported(project, objects)
        if NOTHING in done.errors:
            pytest.skip("not run: the official plugin (kubernetes) was built without its schema")
        assert done.code == 0, done
        codes[origin] = (project.directory / "code.py").read_text()
    assert codes[STAND_IN] == codes[OFFICIAL]
