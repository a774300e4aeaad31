"""What programs must know of the one package that code is written for."""

import re
from collections.abc import Mapping

from sandbox.plugins.language_python.generate.names import snake_case

PACKAGE = "kubernetes"
SDK = "pulumi_kubernetes"

_TOKEN = re.compile(r"kubernetes:([\w-]+)[\w.-]*/(\w+):(\w+)")
SERVICE_TYPES = ("ExternalName", "ClusterIP", "NodePort", "LoadBalancer")
"""The one enumeration of the SDK."""
_ENUMS: Mapping[tuple[str, ...], tuple[str, tuple[str, ...]]] = {
    ("kubernetes:core/v1:Service", "spec", "type"): ("core.v1.ServiceSpecType", SERVICE_TYPES)
}
_DEFINITION = (
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
    *("spec", "versions", "schema", "openAPIV3Schema"),
)
_PARTS: Mapping[str, str] = {
    **dict.fromkeys(("properties", "patternProperties", "definitions"), "map"),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "not", "additionalItems", "additionalProperties"), "schema"),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), "float"),
}
"""The parts of a definition's schema that have types; the official generator finds none in `items`."""


def resource_class(token: str) -> str:
    """The class of a type token, or "": `apps.v1.Deployment` of `kubernetes:apps/v1:Deployment`."""
    found = _TOKEN.fullmatch(token)
    return ".".join(found.groups()) if found else ""


def constant(path: tuple[str, ...], value: str) -> str:
    """The constant that the SDK has for a value, or "". The path begins with the type token."""
    enum, values = _ENUMS.get(path, ("", ()))
    return f"{enum}.{snake_case(value).upper()}" if value in values else ""


def is_float(path: tuple[str, ...]) -> bool:
    """Whether a number is of a type with fractions. The path begins with the type token."""
    depth = len(_DEFINITION)
    if path[:depth] != _DEFINITION:
        return False
    part = "schema"
    for key in path[depth:]:
        part = _PARTS.get(key, "") if part == "schema" else "schema" if part == "map" else ""
    return part == "float"
