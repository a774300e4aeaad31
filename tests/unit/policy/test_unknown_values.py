"""A value that is unknown before the update breaks no rule."""

import copy
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.unit.policy.test_policy import (
    COMPUTE,
    GOOD,
    PACK,
    RUN,
    UNKNOWN,
    broken,
    deployment,
    rules,
)

WHOLE: dict[str, Any] = {
    "spec": {
        "template": {
            "spec": {
                "hostNetwork": False,
                "restartPolicy": "Always",
                "securityContext": {"runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
                "volumes": [{"name": "a", "emptyDir": {}}],
                "containers": [
                    {
                        **GOOD,
                        "command": ["sh"],
                        "args": ["-c", "serve"],
                        "ports": [{"containerPort": 80, "hostPort": 0}],
                        "securityContext": {
                            "runAsNonRoot": True,
                            "privileged": False,
                            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
                            "windowsOptions": {"hostProcess": False},
                        },
                        "env": [{"name": "PASSWORD", "value": ""}],
                    }
                ],
            }
        }
    }
}
REASON = {"annotations": {rules.PUBLIC: "a shop"}}
OBJECTS: list[tuple[str, dict[str, Any]]] = [
    ("Deployment", WHOLE),
    ("Job", {"spec": RUN}),
    ("CronJob", {"spec": {"concurrencyPolicy": "Forbid", "jobTemplate": {"spec": RUN}}}),
    ("Service", {"metadata": REASON, "spec": {"type": "NodePort", "externalIPs": ["192.0.2.1"]}}),
    ("Service", {"metadata": {"name": "a"}, "spec": {"type": "ClusterIP", "externalIPs": []}}),
    ("Ingress", {"metadata": REASON, "spec": {}}),
    ("ConfigMap", {"data": {"PASSWORD": ""}}),
    ("Workflow", {"spec": {"templates": [{"name": "a", "container": {**GOOD, "resources": COMPUTE}}]}}),
]


def variants(value: Any, top: bool = True) -> Iterator[Any]:
    """Yield the value with each of its parts unknown in turn."""
    if not top:
        yield UNKNOWN
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        for part in variants(value[key], False):
            changed = copy.copy(value)
            changed[key] = part
            yield changed


@pytest.mark.parametrize(("kind", "manifest"), OBJECTS)
def test_no_rule_is_broken_by_an_unknown_part(kind: str, manifest: dict[str, Any]) -> None:
    assert broken(kind, manifest) == set(), "the control"
    assert [(changed, names) for changed in variants(manifest) if (names := broken(kind, changed))] == []


def test_what_is_known_is_checked_next_to_what_is_not() -> None:
    manifest = deployment(
        {"hostPID": True}, resources=UNKNOWN, env=[UNKNOWN, {"name": "KEY_PW", "value": "x"}]
    )
    assert broken("Deployment", manifest) == {"no-privileged-pod", "secrets-in-secrets"}
    assert broken("Deployment", deployment(resources={"limits": UNKNOWN})) == {"resources-set"}
    outside = {"securityContext": UNKNOWN}
    assert broken("Deployment", deployment(outside, securityContext={"runAsUser": 0})) == {"not-as-root"}


class UnknownValueError(Exception):
    """As the SDK of policies raises it."""


class Properties(Mapping[str, Any]):
    """A mapping as the SDK of policies hands it over: reading an unknown value raises an error."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getitem__(self, key: str) -> Any:
        return read(self._values[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Items(Sequence[Any]):
    """The same of a list."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __getitem__(self, index: Any) -> Any:
        return read(self._values[index])

    def __len__(self) -> int:
        return len(self._values)


def read(value: Any) -> Any:
    if value is UNKNOWN:
        raise UnknownValueError
    if isinstance(value, dict):
        return Properties(value)
    return Items(value) if isinstance(value, list) else value


@pytest.fixture
def validate(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], list[str]]:
    """Run the whole pack, with the parts of the SDK that it uses."""
    packs: list[list[Any]] = []
    sdk: Any = ModuleType("pulumi_policy")
    sdk.EnforcementLevel = SimpleNamespace(MANDATORY=1, ADVISORY=2)
    sdk.ReportViolation = object
    sdk.ResourceValidationPolicy = lambda name, description, check, level: check
    sdk.PolicyPack = lambda name, policies: packs.append(policies)
    proxy: Any = ModuleType("pulumi_policy.proxy")
    proxy.UnknownValueError = UnknownValueError
    for name, module in {"pulumi_policy": sdk, "pulumi_policy.proxy": proxy, "rules": rules}.items():
        monkeypatch.setitem(sys.modules, name, module)
    spec = importlib.util.spec_from_file_location("house_pack", PACK / "__main__.py")
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))

    def run(properties: dict[str, Any]) -> list[str]:
        args = SimpleNamespace(
            name="web", resource_type="kubernetes:apps/v1:Deployment", props=Properties(properties)
        )
        reports: list[str] = []
        for check in packs[0]:
            check(args, reports.append)
        return reports

    return run


def test_the_pack_tells_unknown_from_missing(validate: Callable[[dict[str, Any]], list[str]]) -> None:
    assert validate(deployment()) == []
    assert validate(deployment(resources=None)) != [], "the control"
    assert validate(deployment(resources=UNKNOWN, securityContext=UNKNOWN)) == []
