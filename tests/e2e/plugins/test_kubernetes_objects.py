"""The stand-in's calls on a real API server: make, change, look at and delete objects."""

import copy
import json
import os
import subprocess
from typing import Any

import grpc
import pytest

from sandbox.plugins.kubernetes.values import Secret, Unknown
from tests.e2e.plugins.kubernetes_provider import (
    MAP,
    STAND_IN,
    InitFailedError,
    Plugin,
    config_map,
    kubectl,
    running,
    urn_of,
)

WORKLOAD = urn_of("apps/v1:Deployment")


def live(sandbox: dict[str, str], namespace: str, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kubectl(sandbox, "-n", namespace, "get", kind, name, "-o", "json"))
    return found


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    """A Deployment that is ready at once: it has no Pods."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template, **spec},
    }


def test_an_object_is_made_changed_looked_at_and_deleted(
    plugin: Plugin, sandbox: dict[str, str], namespace: str
) -> None:
    inputs = plugin.check(WORKLOAD, deployment("web", minReadySeconds=5))
    identifier, state = plugin.create(WORKLOAD, inputs)
    assert identifier == f"{namespace}/web"
    assert state["__inputs"] == inputs
    assert state["__initialApiVersion"] == "apps/v1"
    assert not plugin.diff(WORKLOAD, state, inputs).changes

    news = plugin.check(WORKLOAD, deployment("web", revisionHistoryLimit=3), inputs)
    assert plugin.diff(WORKLOAD, state, news).kinds == {
        "spec.minReadySeconds": "DELETE",
        "spec.revisionHistoryLimit": "ADD",
    }
    state = plugin.update(WORKLOAD, identifier, state, news)
    spec = live(sandbox, namespace, "deployment", "web")["spec"]
    assert spec["revisionHistoryLimit"] == 3
    assert "minReadySeconds" not in spec, "what inputs leave out is removed"
    assert not plugin.diff(WORKLOAD, state, news).changes

    kubectl(
        sandbox, "-n", namespace, "patch", "deployment", "web", "-p", '{"spec":{"revisionHistoryLimit":7}}'
    )
    _, drifted, drifted_inputs = plugin.read(WORKLOAD, identifier, state, news)
    assert drifted_inputs["spec"]["revisionHistoryLimit"] == 7
    assert plugin.diff(WORKLOAD, drifted, news).kinds == {"spec.revisionHistoryLimit": "UPDATE"}

    plugin.delete(WORKLOAD, identifier, state)
    assert plugin.read(WORKLOAD, identifier, state, news)[0] == ""
    plugin.delete(WORKLOAD, identifier, state)


def test_an_object_without_a_name_gets_one_that_stays(plugin: Plugin) -> None:
    unnamed = config_map("x", a="1")
    unnamed["metadata"] = {}
    first = plugin.check(MAP, unnamed)
    assert first["metadata"]["name"].startswith("it-")
    assert first["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert plugin.check(MAP, unnamed, first) == first


def test_a_preview_tells_what_the_api_server_would_make_and_makes_nothing(
    plugin: Plugin, sandbox: dict[str, str], namespace: str
) -> None:
    inputs = plugin.check(WORKLOAD, deployment("planned"))
    identifier, state = plugin.create(WORKLOAD, inputs, preview=True)
    assert identifier == ""
    assert state["spec"]["strategy"]["type"] == "RollingUpdate"
    assert "planned" not in kubectl(sandbox, "-n", namespace, "get", "deployment", "-o", "name")


def test_a_preview_with_unknowns_returns_them(plugin: Plugin) -> None:
    inputs = plugin.check(MAP, config_map("later", a=Unknown()))
    assert plugin.create(MAP, inputs, preview=True) == ("", inputs)


def test_secrets_stay_secret_in_the_state(plugin: Plugin) -> None:
    inputs = plugin.check(MAP, config_map("private", a=Secret("x"), b="y"))
    assert inputs["data"] == {"a": Secret("x"), "b": "y"}
    identifier, state = plugin.create(MAP, inputs)
    assert state["data"] == state["__inputs"]["data"] == {"a": Secret("x"), "b": "y"}
    plugin.delete(MAP, identifier, state)

    urn = urn_of("core/v1:Secret")
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "x"}}
    inputs = plugin.check(urn, made)
    assert inputs["data"] == Secret({"a": "eA=="})
    identifier, state = plugin.create(urn, inputs)
    assert isinstance(state["data"], Secret)
    assert not plugin.diff(urn, state, inputs).changes
    plugin.delete(urn, identifier, state)


def test_a_conflict_names_the_other_manager_and_patch_force_overrides_it(
    plugin: Plugin, sandbox: dict[str, str], namespace: str
) -> None:
    inputs = plugin.check(WORKLOAD, deployment("shared"))
    identifier, state = plugin.create(WORKLOAD, inputs)
    state = plugin.update(WORKLOAD, identifier, state, inputs)
    taken = deployment("shared")
    taken["spec"] = {"replicas": 0, "minReadySeconds": 9}
    subprocess.run(
        ("kubectl", "-n", namespace, "apply", "--server-side", "--force-conflicts", "--validate=false",
         "--field-manager=autoscaler", "-f-"),
        input=json.dumps({**taken, "spec": {**inputs["spec"], "minReadySeconds": 9}}),
        env=sandbox, text=True, check=True,
    )  # fmt: skip
    news = plugin.check(WORKLOAD, deployment("shared", minReadySeconds=1), inputs)
    with pytest.raises(InitFailedError) as failed:
        plugin.update(WORKLOAD, identifier, state, news)
    assert "field conflict detected" in str(failed.value)
    assert 'conflict with "autoscaler"' in str(failed.value)
    assert failed.value.state["spec"]["minReadySeconds"] == 9

    forced = copy.deepcopy(news)
    forced["metadata"]["annotations"] = {"pulumi.com/patchForce": "true"}
    state = plugin.update(WORKLOAD, identifier, state, forced)
    assert state["spec"]["minReadySeconds"] == 1
    plugin.delete(WORKLOAD, identifier, state)


def test_a_patch_adds_to_an_object_and_takes_its_own_away_again(
    plugin: Plugin, sandbox: dict[str, str], namespace: str
) -> None:
    kubectl(sandbox, "-n", namespace, "create", "configmap", "owned", "--from-literal=theirs=1")
    urn = urn_of("core/v1:ConfigMapPatch")
    inputs = plugin.check(urn, config_map("owned", ours="2"))
    identifier, state = plugin.create(urn, inputs)
    assert live(sandbox, namespace, "configmap", "owned")["data"] == {"theirs": "1", "ours": "2"}
    plugin.delete(urn, identifier, state)
    assert live(sandbox, namespace, "configmap", "owned")["data"] == {"theirs": "1"}


def test_an_object_that_exists_is_not_taken_over(
    plugin: Plugin, sandbox: dict[str, str], namespace: str
) -> None:
    kubectl(sandbox, "-n", namespace, "create", "configmap", "there")
    inputs = plugin.check(MAP, config_map("there", a="1"))
    with pytest.raises(grpc.RpcError, match="The resource already exists in the cluster"):
        plugin.create(MAP, inputs)


def test_an_import_takes_all_that_a_user_may_have_written(
    plugin: Plugin, sandbox: dict[str, str], namespace: str
) -> None:
    kubectl(sandbox, "-n", namespace, "create", "configmap", "found", "--from-literal=a=1")
    _, state, inputs = plugin.read(MAP, f"{namespace}/found")
    assert inputs == {
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"},
        "metadata": {"name": "found", "namespace": namespace},
    }  # fmt: skip
    assert not plugin.diff(MAP, state, plugin.check(MAP, config_map("found", a="1"), inputs)).changes


def test_a_definition_and_an_object_of_the_new_kind(plugin: Plugin, namespace: str) -> None:
    group = f"{namespace}.example.com"
    schema = {"type": "object", "x_kubernetes_preserve_unknown_fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "versions": [version],
                 "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"}},
    }  # fmt: skip
    crd = urn_of("apiextensions.k8s.io/v1:CustomResourceDefinition")
    widget = urn_of(f"{group}/v1:Widget")
    inputs = plugin.check(crd, definition)
    custom = plugin.check(
        widget, {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"n": 1}}
    )
    assert custom["metadata"]["namespace"] == namespace
    assert plugin.create(widget, custom, preview=True) == ("", custom)
    crd_id, crd_state = plugin.create(crd, inputs)
    identifier, state = plugin.create(widget, custom)
    news = {**custom, "spec": {"n": 2}}
    assert plugin.diff(widget, state, news).kinds == {"spec.n": "UPDATE"}
    state = plugin.update(widget, identifier, state, news)
    assert state["spec"] == {"n": 2}
    plugin.delete(crd, crd_id, crd_state)
    plugin.delete(widget, identifier, state)


@pytest.mark.parametrize(
    ("kubeconfig", "reason"),
    [
        ("{apiVersion: v1, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], "
         "contexts: [{name: c, context: {cluster: c}}], current-context: c}", "connection refused"),
        ("no kubeconfig", "failed to parse kubeconfig data"),
    ],
)  # fmt: skip
def test_a_cluster_out_of_reach_can_be_previewed_and_not_changed(kubeconfig: str, reason: str) -> None:
    with running(STAND_IN, os.environ) as plugin:
        plugin.configure(kubeconfig=kubeconfig)
        inputs = plugin.check(MAP, config_map("a", a="1"))
        assert plugin.create(MAP, inputs, preview=True) == ("", inputs)
        with pytest.raises(grpc.RpcError, match="configured Kubernetes cluster is unreachable") as failed:
            plugin.create(MAP, inputs)
        assert reason in str(failed.value)
        with pytest.raises(grpc.RpcError, match="PULUMI_K8S_DELETE_UNREACHABLE"):
            plugin.delete(MAP, "default/a", {**inputs, "__inputs": inputs})
