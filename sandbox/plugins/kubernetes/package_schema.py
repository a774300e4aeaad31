"""The package's schema, for `pulumi import`: with it, the engine describes what it imported as a program.

It is made of the types in schema/types.json, as the official one is of Kubernetes' OpenAPI documents
(provider/pkg/gen, provider/cmd/pulumi-gen-kubernetes). docs/decisions/kubernetes-plugin.md tells what it
leaves out.
https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import Kind
from sandbox.plugins.kubernetes.normalize import schema as built_in
from sandbox.plugins.language_python.generate.kubernetes import SERVICE_TYPES

Spec = dict[str, Any]

_SCALARS: Mapping[str, Spec] = {
    **{letter: {"type": "string"} for letter in "syqtud"},
    "b": {"type": "boolean"},
    "i": {"type": "integer"},
    "f": {"type": "number"},
    "x": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    "r": {"$ref": "pulumi.json#/Json"},
}
_NO_RESOURCES = frozenset(
    {
        "ComponentStatus",
        "Eviction",
        "LocalSubjectAccessReview",
        "PodStatusResult",
        "RangeAllocation",
        "Scale",
        "SelfSubjectAccessReview",
        "SelfSubjectReview",
        "SelfSubjectRulesReview",
        "StorageVersion",
        "SubjectAccessReview",
        "TokenRequest",
        "TokenReview",
    }
)
"""Kinds of answers, and of what the API server keeps for itself: no program can make such."""
_NOT_IN_SDK = frozenset({"storage.k8s.io/v1alpha1/CSIStorageCapacity"})
"""Kinds that were in none of the versions of Kubernetes that the official schema was made of."""
_ONCE_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "admissionregistration/v1alpha1.ValidatingAdmissionPolicyBinding": (),
    "admissionregistration/v1alpha1.ValidatingAdmissionPolicyBindingSpec": (),
    "admissionregistration/v1alpha1.ValidatingAdmissionPolicySpec": ("validations",),
    "admissionregistration/v1beta1.ValidatingAdmissionPolicyBinding": (),
    "admissionregistration/v1beta1.ValidatingAdmissionPolicyBindingSpec": (),
    "core/v1.ProjectedVolumeSource": ("sources",),
    "networking/v1.NetworkPolicySpec": ("podSelector",),
    "scheduling/v1.PriorityClass": ("value",),
}
"""What the official schema has from older documents: it is merged of those of nine versions of Kubernetes."""
_SECRETS = {("core/v1.Secret", "data"), ("core/v1.Secret", "stringData")}
_SERVICE_TYPE = "kubernetes:core/v1:ServiceSpecType"


def package_schema(version: str) -> str:
    """The schema as JSON."""
    resources = {_kind(key): name for key, name in _kinds().items() if _is_resource(key)}
    modules = {module(kind): _python_module(kind) for kind in resources}
    return json.dumps(
        {
            "name": "kubernetes",
            "version": version,
            "types": _types(),
            "resources": {token(kind): _resource(name) for kind, name in resources.items()},
            "language": {
                "python": {
                    "moduleNameOverrides": {**modules, "meta/v1": "meta/v1"},
                    "compatibility": "kubernetes20",
                    "inputTypes": "classes-and-dicts",
                }
            },
        }
    )


def token(kind: Kind) -> str:
    """The type token of a kind, as `kubernetes:apps/v1:Deployment`."""
    return f"kubernetes:{module(kind)}:{kind.kind}"


def module(kind: Kind) -> str:
    """The module of a kind's type token, as `apps/v1` or `core/v1`."""
    return f"{kind.group or 'core'}/{kind.version}"


def _kind(key: str) -> Kind:
    api_version, _, kind = key.rpartition("/")
    return Kind.of({"apiVersion": api_version, "kind": kind})


@functools.cache
def _kinds() -> Mapping[str, str]:
    """The types of all kinds, of those too that inputs do not pass through."""
    return {**built_in()["kinds"], **built_in()["others"]}


@functools.cache
def _kinds_of_types() -> Mapping[str, Kind]:
    return {name: _kind(key) for key, name in _kinds().items()}


@functools.cache
def _modules() -> Mapping[str, str]:
    """The modules of the Go packages: `rbac.authorization.k8s.io/v1` of rbac/v1."""
    return {name.partition(".")[0]: module(kind) for name, kind in _kinds_of_types().items()}


def _is_resource(key: str) -> bool:
    kind = _kind(key)
    return kind.kind not in _NO_RESOURCES and key not in _NOT_IN_SDK


def _python_module(kind: Kind) -> str:
    group, _, version = module(kind).partition("/")
    return f"{group.partition('.')[0]}/{version}"


def _resource(name: str) -> Spec:
    described = _object(name)
    inputs = {key: spec for key, spec in described["properties"].items() if key != "status"}
    return {
        **described,
        "required": sorted(inputs),
        "inputProperties": inputs,
        "requiredInputs": [key for key in described["required"] if key in inputs],
    }


def _types() -> dict[str, Spec]:
    types = {_type_token(name): _object(name) for name in built_in()["types"]}
    chosen = {"oneOf": [_SCALARS["s"], {"$ref": f"#/types/{_SERVICE_TYPE}"}]}
    types["kubernetes:core/v1:ServiceSpec"]["properties"]["type"] = chosen
    types[_SERVICE_TYPE] = {"type": "string", "enum": [{"value": value} for value in SERVICE_TYPES]}
    return types


def _object(name: str) -> Spec:
    fields: Mapping[str, str] = built_in()["types"][name]
    properties = {_property_name(key): _type(notation) for key, notation in fields.items()}
    if kind := _kinds_of_types().get(name):
        properties["apiVersion"] = _constant(kind.api_version)
        properties["kind"] = _constant(kind.kind)
    for key in properties:
        if (name, key) in _SECRETS:
            properties[key] = {**properties[key], "secret": True}
    fields_required = _ONCE_REQUIRED.get(name, built_in()["required"].get(name, ()))
    required = [_property_name(key) for key in fields_required]
    return {"type": "object", "properties": properties, "required": required}


def _property_name(key: str) -> str:
    """Of a field: no SDK can spell the dashes in x-kubernetes-preserve-unknown-fields and its like."""
    return key.replace("-", "_")


def _constant(value: str) -> Spec:
    return {**_SCALARS["s"], "const": value}


def _type(notation: str) -> Spec:
    notation = notation.lstrip("*").removesuffix("?")
    head = notation[0]
    if head == "[":
        return {"type": "array", "items": _type(notation[2:])}
    if head == "{":
        return {"type": "object", "additionalProperties": _type(notation[2:])}
    if "|" in notation:
        return {"oneOf": [_type(one) for one in notation.split("|")]}
    if head == "#":
        return {"$ref": f"#/types/{_type_token(notation[1:])}"}
    return _SCALARS[head]


def _type_token(name: str) -> str:
    package, _, kind = name.partition(".")
    return f"kubernetes:{_modules().get(package, package)}:{kind}"
