"""The list of harmless properties, and what no rule knows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from slipway.preview.rules import Consequence, Level, Situation, consequences
from slipway.preview.rules.harmless import HARMLESS, page
from slipway.pulumi.changes import SECRET, Change, Op, PropertyChange

PAGE = Path(__file__).parents[4] / "docs/guides/previews-harmless.md"


def deployment(**pod: Any) -> dict[str, Any]:
    container = {"name": "web", "image": "web@sha256:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 2, "template": {"spec": {"containers": [container], **pod}}},
    }


def change(kind: str, old: dict[str, Any], new: dict[str, Any], *properties: PropertyChange) -> Change:
    return Change(f"urn::{kind}::web", f"kubernetes:x:{kind}", Op.UPDATE, "", old, new, {}, properties)


def unknown(*changes: Change) -> list[Consequence]:
    return [item for item in consequences(Situation(changes)) if "not known here" in item.reason]


def test_the_documentation_has_the_list() -> None:
    assert PAGE.read_text() == page()


def test_every_entry_has_a_source() -> None:
    assert not [item for item in HARMLESS if not item.source.startswith("https://")]


def test_an_unknown_property_is_named_with_its_values() -> None:
    before, after = deployment(dnsPolicy="None"), deployment(dnsPolicy="Default")
    [found] = unknown(change("Deployment", before, after))
    assert found.level is Level.ATTENTION
    assert found.reason == (
        "spec.template.spec.dnsPolicy of Deployment web changes from None to Default;"
        " its effect is not known here"
    )


def test_many_unknown_properties_are_one_consequence_with_details() -> None:
    after = deployment(**{f"field{number}": number for number in range(9)})
    found = unknown(change("Deployment", deployment(), after))
    assert len(found) == 5
    assert len(found[-1].details) == 5


@pytest.mark.parametrize(
    "pod",
    [
        {"containers": [{"name": "web", "image": "web@sha256:1", "args": ["--password", "planted"]}]},
        {
            "containers": [
                {"name": "web", "image": "web@sha256:1", "env": [{"name": "A", "value": "planted"}]}
            ]
        },
        {"hostname": "https://user:planted@example.com"},
        {"volumes": [{"name": "a", "csi": {"driver": "x", "volumeAttributes": {"password": "planted"}}}]},
    ],
)
def test_values_of_users_are_not_repeated(pod: dict[str, Any]) -> None:
    """They may be secrets, which reports mask elsewhere."""
    for values in ((deployment(), deployment(**pod)), (deployment(**pod), deployment())):
        found = consequences(Situation((change("Deployment", *values),)))
        assert found
        assert "planted" not in str(found)


def test_a_custom_resource_needs_attention_as_a_whole() -> None:
    old = {
        "apiVersion": "x/v1",
        "kind": "Database",
        "metadata": {"name": "web"},
        "spec": {"password": "planted"},
    }
    new = {**old, "spec": {"password": "planted-2", "size": 3}}
    [found] = unknown(change("Database", old, new))
    assert found.reason == "Database web changes (spec.password, spec.size); the effect is not known here"
    labelled = {**old, "metadata": {"name": "web", "labels": {"team": "shop"}}}
    assert not unknown(change("Database", old, labelled))


def test_a_masked_value_that_changes_is_a_difference() -> None:
    """The engine says that a secret differs, although both values look the same."""
    old = {
        "apiVersion": "x/v1",
        "kind": "Database",
        "metadata": {"name": "web"},
        "spec": {"password": SECRET},
    }
    masked = PropertyChange("spec.password", "update", SECRET, SECRET, False)
    assert unknown(change("Database", old, dict(old), masked))


@pytest.mark.parametrize("kind", ["aws:s3/bucket:Bucket", "pulumi:providers:kubernetes"])
def test_other_resources_need_attention_when_they_change(kind: str) -> None:
    other = Change("urn::x::web", kind, Op.UPDATE, "", {"a": 1}, {"a": 2}, {})
    assert unknown(other)


def test_a_provider_of_another_cluster_is_dangerous() -> None:
    provider = Change(
        "urn::x::web", "pulumi:providers:kubernetes", Op.UPDATE, "", {"context": "a"}, {"context": "b"}, {}
    )
    assert Level.DANGEROUS in [item.level for item in consequences(Situation((provider,)))]


def test_an_image_that_is_built_is_harmless() -> None:
    image = Change(
        "urn::x::web", "docker-build:index:Image", Op.UPDATE, "", {"tags": ["a"]}, {"tags": ["b"]}, {}
    )
    assert not unknown(image)


@pytest.mark.parametrize("parent", ["helm.sh/v4:Chart", "yaml/v2:ConfigGroup", "kustomize/v2:Directory"])
def test_objects_of_charts_manifests_and_kustomizations_are_judged_like_any_other(parent: str) -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    old, new = (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"type": kind, "ports": ports},
        }
        for kind in ("NodePort", "ClusterIP")
    )
    plain = change("Service", old, new)
    child = replace(plain, parent=f"urn:pulumi:dev::shop::kubernetes:{parent}::web")
    assert Level.DANGEROUS in [item.level for item in consequences(Situation((child,)))]
    assert consequences(Situation((child,))) == consequences(Situation((plain,)))
