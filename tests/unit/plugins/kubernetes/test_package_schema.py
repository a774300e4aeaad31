"""The schema made of Kubernetes' types says what the official one says: the SDK was made of that."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, ForwardRef, NotRequired, get_args, get_origin

import pulumi_kubernetes
import pytest

from sandbox.plugins.kubernetes.awaiting_context import Kind
from sandbox.plugins.kubernetes.deprecations import removal
from sandbox.plugins.kubernetes.normalize import fields_of
from sandbox.plugins.kubernetes.package_schema import package_schema
from sandbox.plugins.language_python.generate.kubernetes import resource_class
from sandbox.plugins.language_python.generate.names import snake_case

SCHEMA = json.loads(package_schema("1.2.3"))
SERVED: Mapping[str, str] = SCHEMA["language"]["python"]["moduleNameOverrides"]
"""The SDK's modules, by those of the type tokens."""
NO_INPUTS = {"__self__", "resource_name", "opts", "__props__", "status"}
OLDEST = (1, 30)
"""The oldest version of Kubernetes that is supported."""
NO_OBJECTS = ("List", "Patch", "pulumi_kubernetes.meta.v1.Status")
"""Ends of the names of resources that are no objects in the cluster: these cannot be imported."""
GONE = {
    "apiextensions.v1beta1.CustomResourceDefinition",
    "apiregistration.v1beta1.APIService",
    "auditregistration.v1alpha1.AuditSink",
    "autoscaling.v2beta1.HorizontalPodAutoscaler",
    "autoscaling.v2beta2.HorizontalPodAutoscaler",
    "batch.v2alpha1.CronJob",
    "coordination.v1alpha1.LeaseCandidate",
    "extensions.v1beta1.PodSecurityPolicy",
    "flowcontrol.v1alpha1.FlowSchema",
    "flowcontrol.v1alpha1.PriorityLevelConfiguration",
    "networking.v1alpha1.ClusterCIDR",
    "networking.v1alpha1.IPAddress",
    "networking.v1alpha1.ServiceCIDR",
    "policy.v1beta1.PodSecurityPolicy",
    "resource.v1alpha3.DeviceClass",
    "resource.v1alpha3.PodSchedulingContext",
    "resource.v1alpha3.ResourceClaim",
    "resource.v1alpha3.ResourceClaimTemplate",
    "resource.v1alpha3.ResourceSlice",
    "scheduling.v1alpha1.PriorityClass",
    "settings.v1alpha1.PodPreset",
    "storagemigration.v1alpha1.StorageVersionMigration",
}
GONE_WITH_VERSION = ("resource.v1alpha1.", "resource.v1alpha2.")
"""Kinds that the SDK still has, but whose types Kubernetes does not have any more."""
FORMER = {
    "EphemeralVolumeSource": {"read_only"},
    "EventSeries": {"state"},
    "ObjectMeta": {"cluster_name"},
    "PersistentVolumeClaimStatus": {"resize_status"},
    "PodResourceClaim": {"source"},
    "ServiceSpec": {"ip_family", "topology_keys"},
}
"""Properties that the SDK still has, but Kubernetes does not."""
SERVICE_TYPE = "kubernetes:core/v1:ServiceSpecType"
EXTENSIONS = "kubernetes:apiextensions.k8s.io/v1:"


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


def kinds_in_sdk() -> Iterator[str]:
    """The classes of the resources that are objects in the cluster: each has a module of its own."""
    for group in pkgutil.iter_modules(pulumi_kubernetes.__path__):
        for version in pkgutil.iter_modules([f"{pulumi_kubernetes.__path__[0]}/{group.name}"]):
            if group.name in ("helm", "kustomize", "yaml") or not version.ispkg:
                continue
            named = f"{group.name}/{version.name}"
            for one in pkgutil.iter_modules([f"{pulumi_kubernetes.__path__[0]}/{named}"]):
                if one.name[0].isupper():
                    yield f"pulumi_kubernetes.{group.name}.{version.name}.{one.name}"


def supported() -> Iterator[str]:
    """The tokens of the resources that a supported version of Kubernetes serves."""
    for token in SCHEMA["resources"]:
        group, _, version = token.split(":")[1].rpartition("/")
        kind = Kind("" if group == "core" else group, version, token.split(":")[2])
        if not removal(kind, OLDEST):
            yield token


def types_of(spec: Any) -> set[str]:
    """The types that are named in a part of the schema, and those that are named in these."""
    found: set[str] = set()
    todo = [spec]
    while todo:
        named = {part.partition('"')[0] for part in json.dumps(todo.pop()).split('"#/types/')[1:]}
        todo += [SCHEMA["types"][token] for token in named - found]
        found |= named
    return found


def required_in_sdk(path: str, kind: str) -> set[str]:
    arguments = getattr(module(path), f"{kind}InitArgs", None) or getattr(module(path), f"{kind}Args")
    parameters = inspect.signature(arguments.__init__).parameters.values()
    return {one.name for one in parameters if one.default is inspect.Parameter.empty} - NO_INPUTS


def test_the_sdk_has_the_same_resources() -> None:
    ours = {resource_class(token) for token in SCHEMA["resources"]}
    theirs = {
        kind.removeprefix("pulumi_kubernetes.") for kind in kinds_in_sdk() if not kind.endswith(NO_OBJECTS)
    }
    assert ours == {kind for kind in theirs - GONE if not kind.startswith(GONE_WITH_VERSION)}


@pytest.mark.parametrize("token", list(supported()))
def test_the_sdk_has_a_resource_with_the_same_inputs(token: str) -> None:
    path, _, kind = resource_class(token).rpartition(".")
    inputs = inspect.signature(getattr(module(path), kind)._internal_init).parameters
    resource = SCHEMA["resources"][token]
    assert {snake_case(name) for name in resource["inputProperties"]} == inputs.keys() - NO_INPUTS
    assert {snake_case(name) for name in resource["requiredInputs"]} == required_in_sdk(path, kind)


def test_the_sdk_has_each_type_with_the_same_properties() -> None:
    compared = types_of([SCHEMA["resources"][token]["inputProperties"] for token in supported()])
    for token in compared - {SERVICE_TYPE}:
        _, path, name = token.split(":")
        dictionary = getattr(module(SERVED[path]), f"{name}ArgsDict")
        spec = SCHEMA["types"][token]
        ours = {snake_case(key): form(value) for key, value in spec["properties"].items()}
        theirs = {key: form_in_sdk(value) for key, value in dictionary.__annotations__.items()}
        assert ours.items() <= theirs.items(), token
        assert theirs.keys() - ours.keys() <= FORMER.get(name, set()), token
        assert {snake_case(key) for key in spec["required"]} == dictionary.__required_keys__, token
    assert len(compared) > 300


def test_each_type_that_is_named_is_there() -> None:
    named = {part.partition('"')[0] for part in json.dumps(SCHEMA).split('"#/types/')[1:]}
    assert named <= SCHEMA["types"].keys()


def test_a_resource_tells_what_it_is() -> None:
    inputs = SCHEMA["resources"]["kubernetes:rbac.authorization.k8s.io/v1:Role"]["inputProperties"]
    assert inputs["apiVersion"]["const"] == "rbac.authorization.k8s.io/v1"
    assert inputs["kind"]["const"] == "Role"


def test_only_what_secrets_hold_is_secret() -> None:
    secret = {
        (token, key)
        for token, resource in SCHEMA["resources"].items()
        for key, spec in resource["inputProperties"].items()
        if spec.get("secret")
    }
    assert secret == {("kubernetes:core/v1:Secret", "data"), ("kubernetes:core/v1:Secret", "stringData")}


def test_the_properties_of_definitions_are_as_the_sdk_spells_them() -> None:
    properties = SCHEMA["types"][f"{EXTENSIONS}JSONSchemaProps"]["properties"]
    assert properties["x_kubernetes_int_or_string"] == {"type": "boolean"}
    assert properties["items"]["oneOf"] == [
        {"$ref": f"#/types/{EXTENSIONS}JSONSchemaProps"},
        {"type": "array", "items": {"$ref": "pulumi.json#/Json"}},
    ]


@pytest.mark.parametrize(
    "named",
    [("apiextensions.k8s.io/v1", "CustomResourceDefinition"), ("apiregistration.k8s.io/v1", "APIService")],
)
def test_inputs_do_not_pass_through_the_types_of_kinds_that_are_only_described(
    named: tuple[str, str],
) -> None:
    assert not fields_of(*named)
