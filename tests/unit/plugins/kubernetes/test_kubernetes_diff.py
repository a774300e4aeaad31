"""Differences: what changed, and what takes a new object."""

import asyncio
from typing import Any

import pytest

from sandbox.plugins.kubernetes import diff, field_ownership, merge_patch, property_path
from sandbox.plugins.kubernetes.cluster import Cluster
from sandbox.plugins.kubernetes.detailed_diff import Change
from sandbox.plugins.kubernetes.engine import Engine
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.kubernetes.values import Unknown

URN = "urn:pulumi:dev::p::kubernetes:{}::it"


def find(
    token: str, live: dict[str, Any], news: dict[str, Any], *, ignored: tuple[str, ...] = (), **flags: str
) -> diff.Difference:
    """The difference between an object that was made from inputs like the live one, and new inputs."""
    variables = {f"kubernetes:config:{key}": value for key, value in flags.items()}
    cluster = Cluster(Settings.of(variables), "default", "out of reach")
    urn = URN.format(token)
    log = Engine().for_resource(urn)
    stored = {**live, "__inputs": live, "__initialApiVersion": live["apiVersion"], "__fieldManager": "m"}
    return asyncio.run(diff.diff(cluster, urn, stored, news, ignored, log))


def kinds(found: diff.Difference) -> dict[str, Change]:
    return {path: change for path, (change, _) in diff.rendered(found.detailed).items()}


def config_map(name: str = "it", **data: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"},
        "data": data,
    }


def deployment(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "it", "namespace": "default"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def test_the_same_inputs_are_no_change() -> None:
    assert not find("core/v1:ConfigMap", config_map(a="1"), config_map(a="1")).any


def test_quantities_that_mean_the_same_are_no_change() -> None:
    def limited(cpu: str) -> dict[str, Any]:
        containers = [{"name": "c", "image": "i", "resources": {"limits": {"cpu": cpu}}}]
        return deployment(template={"spec": {"containers": containers}})

    assert not find("apps/v1:Deployment", limited("500m"), limited("0.5")).any


def test_the_data_of_a_config_map_replaces_it_and_its_name_is_in_the_way() -> None:
    found = find("core/v1:ConfigMap", config_map(a="1"), config_map(a="2"))
    assert kinds(found) == {"data.a": Change.UPDATE_REPLACE}
    assert found.replaces == ["data.a"]
    assert found.delete_before_replace


def test_an_autonamed_object_is_replaced_before_the_old_one_goes() -> None:
    new = config_map(a="2")
    new["metadata"]["annotations"] = {"pulumi.com/autonamed": "true"}
    found = find("core/v1:ConfigMap", config_map(a="1"), new)
    assert found.replaces and not found.delete_before_replace


def test_a_mutable_config_map_is_updated() -> None:
    found = find("core/v1:ConfigMap", config_map(a="1"), config_map(a="2"), enableConfigMapMutable="true")
    assert kinds(found) == {"data.a": Change.UPDATE}
    assert not found.replaces


@pytest.mark.parametrize(("field", "value"), [("name", "other"), ("namespace", "elsewhere")])
def test_another_name_or_namespace_is_another_object(field: str, value: str) -> None:
    moved = config_map(a="1")
    moved["metadata"][field] = value
    found = find("core/v1:ConfigMap", config_map(a="1"), moved)
    assert found.replaces == [f"metadata.{field}"]
    assert not found.delete_before_replace


def test_a_selector_replaces_a_deployment_and_its_replicas_do_not() -> None:
    old = deployment(replicas=1, selector={"matchLabels": {"a": "1"}})
    new = deployment(replicas=2, selector={"matchLabels": {"a": "2"}})
    assert kinds(find("apps/v1:Deployment", old, new)) == {
        "spec.replicas": Change.UPDATE,
        "spec.selector.matchLabels.a": Change.UPDATE_REPLACE,
    }


def test_items_of_lists_are_compared_one_by_one() -> None:
    def with_args(*args: str) -> dict[str, Any]:
        return deployment(template={"spec": {"containers": [{"name": "c", "args": list(args)}]}})

    path = "spec.template.spec.containers[0].args"
    assert kinds(find("apps/v1:Deployment", with_args("a", "b"), with_args("a", "c", "d"))) == {
        f"{path}[1]": Change.UPDATE,
        f"{path}[2]": Change.ADD,
    }
    assert kinds(find("apps/v1:Deployment", with_args("a", "b"), with_args("a"))) == {
        f"{path}[1]": Change.DELETE
    }


def test_an_unknown_is_a_change() -> None:
    found = find("apps/v1:Deployment", deployment(replicas=1), deployment(replicas=Unknown()))
    assert kinds(found) == {"spec.replicas": Change.UPDATE}


def test_ignored_changes_are_left_out() -> None:
    old, new = deployment(replicas=1, paused=True), deployment(replicas=2, paused=True)
    assert not find("apps/v1:Deployment", old, new, ignored=("spec.replicas",)).any


def test_what_a_patch_resource_changes_is_updated_in_place() -> None:
    found = find("core/v1:ConfigMapPatch", config_map(a="1"), config_map(a="2"))
    assert kinds(found) == {"data.a": Change.UPDATE}


@pytest.mark.parametrize(
    "text", ["a", "a.b", 'a["b.c"].d', "a[0][1].b", '["x.y"][0]', 'a["q\\"t"]', "a.foo-bar"]
)
def test_paths_are_read_as_they_are_written(text: str) -> None:
    assert property_path.render(property_path.parse(text)) == text


def test_a_pattern_contains_what_is_below_it() -> None:
    pattern = property_path.parse("spec.containers[*].image")
    assert property_path.contains(pattern, ("spec", "containers", 3, "image"))
    assert not property_path.contains(pattern, ("spec", "containers", 3))


def test_a_merge_patch_deletes_by_null_and_replaces_lists_whole() -> None:
    old, new = {"a": 1, "b": {"c": 2, "d": 3}, "e": [1, 2]}, {"b": {"c": 2}, "e": [1], "f": True}
    assert merge_patch.create(old, new) == {"a": None, "b": {"d": None}, "e": [1], "f": True}


def managed(*entries: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    fields = [{"manager": name, "operation": how, "fieldsV1": owned} for name, how, owned in entries]
    return {"metadata": {"managedFields": fields}, "spec": {"replicas": 5}}


def test_the_first_update_takes_over_what_the_create_has_set() -> None:
    live = managed(("pulumi-kubernetes", "Update", {"f:a": {}}), ("controller", "Update", {"f:b": {}}))
    (patch,) = field_ownership.takeover(live, "pulumi-kubernetes-1234")
    assert [(entry["manager"], entry["operation"]) for entry in patch["value"]] == [
        ("controller", "Update"),
        ("pulumi-kubernetes-1234", "Apply"),
    ]
    assert not field_ownership.takeover(managed(("x", "Update", {})), "pulumi-kubernetes-1234")


def test_later_edits_by_kubectl_are_taken_over_too() -> None:
    live = managed(
        ("m", "Apply", {"f:a": {"f:b": {}}}), ("kubectl-edit", "Update", {"f:a": {"f:c": {}}, "f:d": {}})
    )
    (patch,) = field_ownership.takeover(live, "m")
    assert [entry["fieldsV1"] for entry in patch["value"]] == [{"f:a": {"f:b": {}, "f:c": {}}, "f:d": {}}]


def test_an_ignored_field_that_another_owns_is_left_out_of_the_inputs() -> None:
    inputs = {"spec": {"replicas": 1, "paused": True}}
    live = managed(("autoscaler", "Update", {"f:spec": {"f:replicas": {}}}))
    field_ownership.keep_ignored(inputs, live, ["spec.replicas"], "m")
    assert inputs == {"spec": {"paused": True}}


def test_an_ignored_field_of_our_own_keeps_its_live_value() -> None:
    inputs = {"spec": {"replicas": 1}}
    live = managed(("m", "Apply", {"f:spec": {"f:replicas": {}}}))
    field_ownership.keep_ignored(inputs, live, ["spec.replicas"], "m")
    assert inputs == {"spec": {"replicas": 5}}
