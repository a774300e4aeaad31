"""Turning on or off any option of a component replaces nothing that has data or serves clients.

The fields that Kubernetes never lets change, and the metadata by which Pulumi finds an object, stay the same.
"""

import inspect
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components import (
    Autoscaling,
    Compute,
    Endpoint,
    EnvVar,
    Exposure,
    File,
    Namespace,
    PodSecurity,
    Probe,
    Probes,
    Redis,
    RegistryCredentials,
    Resources,
    Rollout,
    Volume,
    WebService,
)
from tests.unit.conftest import Run
from tests.unit.recorder import Recorder

LIMITS = Resources(limits=Compute(cpu="1", memory="1Gi"))
LOGIN = RegistryCredentials(username="me", password="token")  # noqa: S106 # made up


def web(**arguments: Any) -> None:
    cache = Redis("cache", namespace="shop")
    WebService("web", **{"namespace": "shop", "image": "i", "env": cache.env, **arguments})


def redis(**arguments: Any) -> None:
    """A Redis and a client, which must survive each change of the Redis."""
    cache = Redis("cache", namespace="shop", **arguments)
    WebService("web", namespace="shop", image="i", env=cache.env)


def namespace(**arguments: Any) -> None:
    space = Namespace("shop", repository="acme/hits", **arguments)
    cache = Redis("cache", namespace=space.name, pull_secret=space.pull_secret)
    WebService("web", namespace=space.name, image="i", env=cache.env, pull_secret=space.pull_secret)


OPTIONS: dict[Callable[..., None], dict[str, Any]] = {
    web: {
        "image": "other",
        "command": ["gunicorn"],
        "args": ["--workers=2"],
        "replicas": Autoscaling(max_replicas=9),
        "env": [EnvVar.value("A", "1")],
        "files": [File.text("/etc/app.conf", "a = 1")],
        "volumes": [Volume.claim("/srv/media", name="media", size="1Gi", access="ReadWriteMany")],
        "tmp": "1Gi",
        "expose": Exposure(port=81, target_port=82, type="LoadBalancer", public="sale"),
        "resources": None,
        "probes": Probes(ready=Probe.tcp()),
        "security": PodSecurity(user=7, capabilities=["CHOWN"]),
        "rollout": Rollout(timeout=300, min_ready=1, pre_stop=0),
        "reaches": [Endpoint(port=1, cidr="10.0.0.0/8", client_labels={"a": "b"})],
        "after": [],
        "pull_secret": "registry",
        "platform": "linux/arm64",
        "network_policy": False,
        "disruption_budget": False,
        "spread": False,
        "service_account_token": True,
    },
    redis: {
        "password": "another-password",
        "storage": "1Gi",
        "eviction": "noeviction",
        "image": "other",
        "pull_secret": "registry",
        "platform": "linux/arm64",
        "resources": LIMITS,
        "security": None,
        "network_policy": False,
    },
    namespace: {"credentials": LOGIN},
}
CHANGES = [(make, name, value) for make, options in OPTIONS.items() for name, value in options.items()]
MUTABLE = {
    "StatefulSet": {"template", "replicas", "updateStrategy", "minReadySeconds", "ordinals"},
    "Deployment": {"template", "replicas", "strategy", "minReadySeconds", "progressDeadlineSeconds"},
    "PersistentVolumeClaim": {"resources"},
    "Service": {"type", "ports", "selector"},
}


def fixed_parts(recorder: Recorder) -> dict[str, Any]:
    """Return, of each object with a fixed name, the parts whose change would replace it."""
    objects = [resource for resource in recorder.resources if "name" in resource.inputs.get("metadata", {})]
    return {
        f"{resource.kind} {resource.name}": (
            resource.inputs["metadata"]["name"],
            resource.inputs["metadata"].get("namespace"),
            {
                field: value
                for field, value in resource.inputs.get("spec", {}).items()
                if field not in MUTABLE[resource.kind]
            }
            if resource.kind in MUTABLE
            else None,
        )
        for resource in objects
    }


def taken_outputs(recorder: Recorder) -> list[str]:
    """Return the inputs that are outputs of objects with a fixed name: a replacement of those spreads.

    A Namespace is exempt: its replacement moves everything in it anyway.
    """
    fixed = {
        f"{resource.type}::{resource.name}"
        for resource in recorder.resources
        if "name" in resource.inputs.get("metadata", {}) and resource.kind != "Namespace"
    }
    return [
        f"{urn} {name}"
        for urn, request in recorder.requests.items()
        for name, dependencies in request.propertyDependencies.items()
        if {dependency.rpartition("$")[2] for dependency in dependencies.urns} & fixed
    ]


@pytest.mark.parametrize(
    ("make", "option", "value"), CHANGES, ids=[f"{m.__name__} {o}" for m, o, _ in CHANGES]
)
def test_a_changed_option_replaces_nothing(
    make: Callable[..., None], option: str, value: object, engine: Run
) -> None:
    plain, changed = (engine(lambda arguments=a: make(**arguments)) for a in ({}, {option: value}))
    before, after = fixed_parts(plain), fixed_parts(changed)
    assert {name: after[name] for name in before.keys() & after.keys()} == {
        name: before[name] for name in before.keys() & after.keys()
    }
    assert before.keys() >= {"Deployment web", "StatefulSet cache", "Service web", "Service cache"}
    assert taken_outputs(changed) == []


@pytest.mark.parametrize(("make", "component"), [(web, WebService), (redis, Redis), (namespace, Namespace)])
def test_every_option_is_tried(make: Callable[..., None], component: type[pulumi.ComponentResource]) -> None:
    """`name` and `namespace` move everything; the content of `transform` is the caller's."""
    untried = {"self", "name", "namespace", "repository", "create", "transform", "opts"}
    arguments = set(inspect.signature(component.__init__).parameters)
    assert arguments - untried == OPTIONS[make].keys()
