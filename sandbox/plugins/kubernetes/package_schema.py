"""The package's schema, for `pulumi import`: with it, the engine describes what it imported as a program.

It is made of the types in schema/types.json. No property is marked as required: those do not tell which are
(docs/decisions/kubernetes-plugin.md). https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.plugins.kubernetes.awaiting_context import Kind
from sandbox.plugins.kubernetes.normalize import schema as built_in
from sandbox.plugins.language_python.generate.kubernetes import SERVICE_TYPES

Spec = dict[str, Any]

_ANY = {"$ref": "pulumi.json#/Any"}
_SCALARS: Mapping[str, Spec] = {
    **{letter: {"type": "string"} for letter in "syqtud"},
    "b": {"type": "boolean"},
    "i": {"type": "integer"},
    "f": {"type": "number"},
    "x": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    "r": {"$ref": "pulumi.json#/Json"},
}
_OBJECT_META = "#meta/v1.ObjectMeta"
# Built-in kinds whose types are none of Kubernetes' client's: their fields go by the names of the manifest.
_WITHOUT_TYPES = ("apiextensions.k8s.io/v1/CustomResourceDefinition", "apiregistration.k8s.io/v1/APIService")
_SERVICE_TYPE = "kubernetes:core/v1:ServiceSpecType"


def package_schema(version: str) -> str:
    """The schema as JSON."""
    kinds = [_kind(key) for key in (*built_in()["kinds"], *_WITHOUT_TYPES)]
    return json.dumps(
        {
            "name": "kubernetes",
            "version": version,
            "types": _types(),
            "resources": {token(kind): _resource(kind) for kind in kinds},
            "language": {
                "python": {
                    "moduleNameOverrides": {module(kind): _python_module(kind) for kind in kinds},
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


def _python_module(kind: Kind) -> str:
    group, _, version = module(kind).partition("/")
    return f"{group.partition('.')[0]}/{version}"


def _resource(kind: Kind) -> Spec:
    name = built_in()["kinds"].get(f"{kind.api_version}/{kind.kind}")
    if name:
        properties = _properties(name, without=("status",))
    else:
        text = _SCALARS["s"]
        properties = {"apiVersion": text, "kind": text, "metadata": _type(_OBJECT_META), "spec": _ANY}
    return {"inputProperties": properties, "properties": properties}


def _types() -> dict[str, Spec]:
    types: dict[str, Spec] = {
        _type_token(name): {"type": "object", "properties": _properties(name)} for name in built_in()["types"]
    }
    chosen = {"oneOf": [_SCALARS["s"], {"type": "string", "$ref": f"#/types/{_SERVICE_TYPE}"}]}
    types["kubernetes:core/v1:ServiceSpec"]["properties"]["type"] = chosen
    types[_SERVICE_TYPE] = {"type": "string", "enum": [{"value": value} for value in SERVICE_TYPES]}
    return types


def _properties(name: str, without: Iterable[str] = ()) -> Spec:
    fields: Mapping[str, str] = built_in()["types"][name]
    return {key: _type(notation) for key, notation in fields.items() if key not in without}


def _type(notation: str) -> Spec:
    notation = notation.lstrip("*").removesuffix("?")
    head = notation[0]
    if head == "[":
        return {"type": "array", "items": _type(notation[2:])}
    if head == "{":
        return {"type": "object", "additionalProperties": _type(notation[2:])}
    if head == "#":
        return {"$ref": f"#/types/{_type_token(notation[1:])}"}
    return _SCALARS[head]


def _type_token(name: str) -> str:
    return f"kubernetes:{name.replace('.', ':')}"
