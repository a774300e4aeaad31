"""The schema made of Kubernetes' types says what the official one says: the SDK was made of that."""

import importlib
import inspect
import json
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, ForwardRef, NotRequired, get_args, get_origin

import pytest

from sandbox.plugins.kubernetes.package_schema import package_schema
from sandbox.plugins.language_python.generate.kubernetes import resource_class
from sandbox.plugins.language_python.generate.names import snake_case

SCHEMA = json.loads(package_schema("1.2.3"))
SERVED = (
    "apps/v1",
    "autoscaling/v2",
    "batch/v1",
    "core/v1",
    "meta/v1",
    "networking/v1",
    "policy/v1",
    "rbac/v1",
)
NOT_IN_SDK = {"Binding", "ComponentStatus", "Eviction", "PodStatusResult", "RangeAllocation"}
"""Kinds of what is not created to stay."""
NO_INPUTS = {"__self__", "resource_name", "opts", "__props__", "status"}


def module(name: str) -> ModuleType:
    return importlib.import_module(f"pulumi_kubernetes.{name.replace('/', '.')}")


def form(spec: Mapping[str, Any]) -> object:
    """What the values of a type are: a class, or None for any."""
    if "oneOf" in spec:
        return form(spec["oneOf"][0])
    if "$ref" in spec:
        return ForwardRef if spec["$ref"].startswith("#/types") else None
    if "additionalProperties" in spec:
        return Mapping
    return {"string": str, "boolean": bool, "integer": int, "number": float, "array": Sequence}[spec["type"]]


def form_in_sdk(annotation: Any) -> object:
    inner = get_args(annotation)[0] if get_origin(annotation) is NotRequired else annotation
    first = get_args(inner)[0] if get_args(inner) else inner
    if isinstance(first, ForwardRef):
        return ForwardRef
    return None if first is Any else get_origin(first) or first


def test_the_sdk_has_a_class_with_the_same_inputs_for_each_resource() -> None:
    compared = set()
    for token, resource in SCHEMA["resources"].items():
        path, _, kind = resource_class(token).rpartition(".")
        if path.replace(".", "/") not in SERVED or kind in NOT_IN_SDK:
            continue
        inputs = inspect.signature(getattr(module(path), kind)._internal_init).parameters
        assert {snake_case(name) for name in resource["inputProperties"]} == inputs.keys() - NO_INPUTS, token
        compared.add(token)
    assert {"kubernetes:apps/v1:Deployment", "kubernetes:networking.k8s.io/v1:Ingress"} < compared


@pytest.mark.parametrize("served", SERVED)
def test_the_sdk_has_each_type_with_the_same_properties(served: str) -> None:
    compared = 0
    for token, spec in SCHEMA["types"].items():
        _, path, name = token.split(":")
        dictionary = getattr(module(served), f"{name}ArgsDict", None)
        if path != served or not dictionary:
            continue
        ours = {snake_case(key): form(value) for key, value in spec["properties"].items()}
        theirs = {key: form_in_sdk(value) for key, value in dictionary.__annotations__.items()}
        assert ours.items() <= theirs.items(), token
        compared += 1
    assert compared


def test_each_type_that_is_named_is_there() -> None:
    named = {part.partition('"')[0] for part in json.dumps(SCHEMA).split('"#/types/')[1:]}
    assert named <= SCHEMA["types"].keys()
