"""A report is never safe unless the list of harmless properties covers every change.

Changes are drawn from Kubernetes' own schemas: any field of the built-in kinds, also ones that no rule reads.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.preview.rules import Level, Situation, consequences, highest
from slipway.preview.rules.differences import DEFAULTS, matches, short
from slipway.preview.rules.harmless import HARMLESS
from slipway.pulumi.changes import SECRET, UNKNOWN, Change, Op
from tests.conftest import SOAK
from tests.e2e.slipway.corpus.built import base_objects

VERSION = "v1.35.0-local"
DEFINITIONS = (
    Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / VERSION / "_definitions.json"
)
EXAMPLES = 6000 if SOAK else 300
WORDS = (
    "",
    "a",
    "web",
    "shop",
    "http",
    "TCP",
    "UDP",
    "Always",
    "None",
    "10m",
    "2Gi",
    "50%",
    "0",
    "* * * * *",
)
NUMBERS = (0, 1, 2, 5, 80, 443, 8080, 100000, -1)
MISSING: tuple[Any, ...] = (None, {}, [])
KINDS = {
    "ConfigMap": "core.v1", "CronJob": "batch.v1", "DaemonSet": "apps.v1", "Deployment": "apps.v1",
    "HorizontalPodAutoscaler": "autoscaling.v2", "Ingress": "networking.v1", "LimitRange": "core.v1",
    "Namespace": "core.v1", "NetworkPolicy": "networking.v1", "PersistentVolume": "core.v1",
    "PersistentVolumeClaim": "core.v1", "PodDisruptionBudget": "policy.v1", "Role": "rbac.v1",
    "RoleBinding": "rbac.v1", "Secret": "core.v1", "Service": "core.v1", "ServiceAccount": "core.v1",
    "StatefulSet": "apps.v1", "StorageClass": "storage.v1",
    "ValidatingWebhookConfiguration": "admissionregistration.v1",
}  # fmt: skip
"""Built-in kinds in the base of the corpus, and where their schemas are."""


@cache
def definitions() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DEFINITIONS.read_text())["$defs"]
    return found


@cache
def objects() -> tuple[Change, ...]:
    return tuple(
        Change(urn, f"kubernetes:x:{manifest['kind']}", Op.SAME, "", manifest, manifest, {})
        for urn, manifest in base_objects()
    )


BUILT_IN = tuple(change for change in objects() if change.kind in KINDS)


def schema_of(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = definitions()[f"io.k8s.api.{KINDS[kind]}.{kind}"]
    return found


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = definitions()[schema["$ref"].rpartition("/")[2]]
    return schema


@st.composite
def edits(draw: st.DrawFn, value: Any, schema: Mapping[str, Any], depth: int = 0) -> Any:
    """Return a value with one property added, changed or removed, somewhere inside."""
    schema = resolved(schema)
    properties = {key: item for key, item in schema.get("properties", {}).items() if key != "status"}
    if properties or "additionalProperties" in schema:
        current = dict(value) if isinstance(value, Mapping) else {}
        names = sorted(properties) or [*sorted(current), "another"]
        if depth == 0:
            names = [name for name in names if name not in ("apiVersion", "kind")]
        # Fields that are set are likelier than all others, which are many.
        present = [name for name in names if name in current]
        likely = draw(st.booleans())
        name = draw(st.sampled_from(present if likely and present else names))
        if name in current and depth > 1 and draw(st.integers(0, 3)) == 0:
            return {key: item for key, item in current.items() if key != name}
        inner = properties.get(name) or schema.get("additionalProperties") or {}
        return {**current, name: draw(edits(current.get(name), inner, depth + 1))}
    if "array" in _types(schema):
        current_items = list(value) if isinstance(value, list) else []
        index = draw(st.integers(0, len(current_items)))
        if index == len(current_items):
            return [*current_items, draw(edits(None, schema["items"], depth + 1))]
        if draw(st.integers(min_value=0, max_value=3)) == 0:
            return current_items[:index] + current_items[index + 1 :]
        current_items[index] = draw(edits(current_items[index], schema["items"], depth + 1))
        return current_items
    hidden = draw(st.integers(min_value=0, max_value=9)) == 0
    return draw(st.sampled_from((UNKNOWN, SECRET)) if hidden else leaves(schema))


def leaves(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    variants = schema.get("oneOf", [schema])  # such as IntOrString
    types = {name for variant in variants for name in _types(variant)}
    if {"string", "integer"} <= types or {"string", "number"} <= types:
        return st.sampled_from((*WORDS, *NUMBERS))
    if "boolean" in types:
        return st.booleans()
    if "integer" in types or "number" in types:
        return st.sampled_from(NUMBERS)
    if "object" in types:
        return st.sampled_from(({}, {"a": "b"}))
    return st.sampled_from((*schema.get("enum", ()), *WORDS))


def _types(schema: Mapping[str, Any]) -> list[str]:
    types = schema.get("type", "string")
    return [types] if isinstance(types, str) else list(types)


@st.composite
def changed(draw: st.DrawFn) -> Change:
    """Return an object of the corpus with one to three random edits."""
    change = draw(st.sampled_from(BUILT_IN))
    manifest = copy.deepcopy(dict(change.new))
    for _ in range(draw(st.integers(1, 3))):
        manifest = draw(edits(manifest, schema_of(change.kind)))
    return Change(change.urn, change.type, Op.UPDATE, "", change.old, manifest, {})


def leaves_that_differ(
    old: Any, new: Any, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the differences of two documents, list items by index: on purpose not as the rules compare."""
    if (old or new) and all(isinstance(value, Mapping) or value is None for value in (old, new)):
        before, after = old or {}, new or {}
        for key in {*before, *after}:
            yield from leaves_that_differ(before.get(key), after.get(key), (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, values in enumerate(zip(old, new, strict=True)):
            yield from leaves_that_differ(*values, (*path, str(index)))
    elif old != new and not (old in MISSING and new in MISSING):
        yield path, old, new


def may_be_harmless(kind: str, path: tuple[str, ...], old: Any, new: Any) -> bool:
    """Return whether the list has the property, something that it is a part of, or a part of it."""
    place = short(kind, path)
    listed = any(
        matches(item.pattern, kind, place[:length])
        for item in HARMLESS
        for length in range(1, len(place) + 1)
    )
    parts = any(
        len(pattern) > len(place) and matches(".".join(pattern[: len(place)]), kind, place)
        for item in HARMLESS
        if not (kinds := item.pattern.rpartition(":")[0]) or kind in kinds.split(",")
        for pattern in [item.pattern.rpartition(":")[2].split(".")]
    )
    default = any(matches(pattern, kind, place) and value in (old, new) for pattern, value in DEFAULTS)
    return listed or parts or default


def level_of(change: Change) -> Level:
    others = tuple(item for item in objects() if item.urn != change.urn)
    return highest(item.level for item in consequences(Situation((change,), others)))


@pytest.mark.timeout(3600)  # of 6,000 examples on a busy machine
@settings(max_examples=EXAMPLES, derandomize=not SOAK, suppress_health_check=list(HealthCheck))
@given(changed())
def test_no_report_is_safe_that_has_an_unknown_change(change: Change) -> None:
    if level_of(change) is Level.SAFE:
        unknown = [
            path
            for path, old, new in leaves_that_differ(change.old, change.new)
            if not may_be_harmless(change.kind, path, old, new)
        ]
        assert not unknown


@pytest.mark.parametrize("change", BUILT_IN, ids=lambda change: f"{change.kind}-{change.name}")
def test_every_field_of_a_kind_that_is_set_to_something_else_needs_attention_or_is_listed(
    change: Change,
) -> None:
    """Each field of the first two levels, one after another: no draw can leave one out."""
    schema = resolved(schema_of(change.kind))
    for part in set(schema["properties"]) - {"apiVersion", "kind", "metadata", "status"}:
        inner = resolved(schema["properties"][part])
        for name in inner.get("properties", {"": None}):
            current = change.new.get(part)
            value = (
                {**(current if isinstance(current, Mapping) else {}), name: "changed"} if name else "changed"
            )
            new = Change(change.urn, change.type, Op.UPDATE, "", change.old, {**change.new, part: value}, {})
            path = (part, name) if name else (part,)
            old = current.get(name) if isinstance(current, Mapping) else current
            assert level_of(new) > Level.SAFE or may_be_harmless(change.kind, path, old, "changed"), path
