"""The rules of the policy pack, without an engine."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components import Exposure, Namespace, Redis, WebService
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder

PACK = Path(__file__).parents[3] / "policy"


def load() -> ModuleType:
    """Load the rules as the pack does: by a name of their own."""
    spec = importlib.util.spec_from_file_location("house_rules", PACK / "rules.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["house_rules"] = module
    spec.loader.exec_module(module)
    return module


rules = load()
COMPUTE = {"requests": {"cpu": "1", "memory": "1Mi"}, "limits": {"memory": "1Mi"}}
GOOD: dict[str, Any] = {
    "name": "web",
    "image": "web:1@sha256:0",
    "resources": COMPUTE,
    "securityContext": {"runAsNonRoot": True},
    "ports": [{"containerPort": 80}],
    "readinessProbe": {"httpGet": {}},
    "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {}}}],
}


def broken(kind: str, manifest: dict[str, Any]) -> set[str]:
    return {policy.name for policy in rules.POLICIES if list(policy.rule(kind, manifest))}


def deployment(pod: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{**GOOD, **container}], **(pod or {})}}}}


def test_a_good_deployment_breaks_no_rule() -> None:
    """The control of the tests below."""
    assert broken("Deployment", deployment()) == set()


def broken_by(recorder: Recorder) -> dict[str, set[str]]:
    objects = [made for made in recorder.resources if made.type.startswith("kubernetes:")]
    return {
        f"{made.kind} {made.name}": names for made in objects if (names := broken(made.kind, made.inputs))
    }


def test_the_components_break_no_rule(engine: Run) -> None:
    """Except that Redis runs an image by tag, unless it is given one by digest."""

    def program() -> None:
        namespace = Namespace("shop")
        cache = Redis("cache", namespace=namespace.name, storage="1Gi")
        WebService("web", namespace=namespace.name, image="web:1@sha256:0", env=cache.env)

    assert broken_by(engine(program)) == {"StatefulSet cache": {"image-by-digest"}}


def test_an_open_web_service_needs_a_reason(engine: Run) -> None:
    def program(expose: Exposure) -> Recorder:
        image = "web:1@sha256:0"
        return engine(lambda: WebService("web", namespace="shop", image=image, expose=expose) and None)

    assert broken_by(program(Exposure(type="NodePort"))) == {"Service web": {"public-only-on-purpose"}}
    assert broken_by(program(Exposure(type="NodePort", public="the shop's front door"))) == {}


@pytest.mark.parametrize(
    ("container", "policy"),
    [
        ({"resources": {}}, "resources-set"),
        ({"image": "web:1"}, "image-by-digest"),
        ({"image": "localhost:5000/web"}, "no-latest-image"),
        ({"image": "web:latest"}, "no-latest-image"),
        ({"securityContext": {"privileged": True, "runAsNonRoot": True}}, "no-privileged-pod"),
        (
            {"securityContext": {"runAsNonRoot": True, "capabilities": {"add": ["SYS_ADMIN"]}}},
            "no-privileged-pod",
        ),
        ({"securityContext": {}}, "not-as-root"),
        ({"securityContext": {"runAsUser": 0}}, "not-as-root"),
        ({"env": [{"name": "API_KEY", "value": "x"}]}, "secrets-in-secrets"),
        ({"readinessProbe": None}, "readiness-probe"),
    ],
)
def test_each_rule_is_broken_by_what_it_forbids(container: dict[str, Any], policy: str) -> None:
    assert policy in broken("Deployment", deployment(**container))


@pytest.mark.parametrize(
    "pod", [{"hostNetwork": True}, {"volumes": [{"name": "n", "hostPath": {"path": "/"}}]}]
)
def test_pods_may_not_have_access_to_their_node(pod: dict[str, Any]) -> None:
    assert broken("Deployment", deployment(pod)) == {"no-privileged-pod"}


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_a_public_service_has_to_say_so(kind: str) -> None:
    assert broken("Service", {"spec": {"type": kind}}) == {"public-only-on-purpose"}
    said = {"metadata": {"annotations": {rules.PUBLIC: "the shop's front door"}}, "spec": {"type": kind}}
    assert broken("Service", said) == set()
    assert broken("Service", {"spec": {"type": "ClusterIP"}}) == set()


def test_unknown_values_are_skipped() -> None:
    assert broken("Deployment", deployment(image=None)) == set()
    assert broken("Deployment", {"spec": None}) == set()


def test_cron_jobs_and_init_containers_are_checked_too() -> None:
    pod = {"containers": [], "initContainers": [{**GOOD, "image": "x"}]}
    assert "no-latest-image" in broken(
        "CronJob", {"spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}}
    )
