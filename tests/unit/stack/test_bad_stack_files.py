"""An invalid stack file stops the program before it changes anything, with a command that corrects it."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pulumi
import pytest

from tests.unit.recorder import DIGEST, Recorder

Program = Callable[..., Recorder]


class Bad(NamedTuple):
    """Configuration in addition to a valid minimum, and parts of the message."""

    config: dict[str, Any]
    says: str
    repair: str


def web(**keys: Any) -> dict[str, Any]:
    return {"web": keys}


def limits(cpu: object, memory: object) -> dict[str, Any]:
    return web(resources={"limits": {"cpu": cpu, "memory": memory}})


IMAGE = "image is {!r}, but must name one version by digest"
NAME = "namespace is {!r}, but must be at most 63 lower-case letters, digits and hyphens"
REPOSITORY = "repository is {!r}, but must be a repository without tag or digest"
CPU = "web.resources.limits.cpu is {!r}, but must be cores or thousandths of a core, above 0"
MEMORY = "web.resources.limits.memory is {!r}, but must be an amount with a unit"

BAD = {
    # What is unknown
    "unknown key": Bad({"replica": 3}, "replica is unknown", "rm replica"),
    "misspelt key": Bad({"imgae": DIGEST}, "imgae is unknown; did you mean image?", "rm imgae"),
    "key in the wrong group": Bad({"replicas": 3}, "replicas is unknown", "rm replicas"),
    "unknown key in web": Bad(web(replcas=3), "did you mean replicas?", "rm --path web.replcas"),
    "unknown key in redis": Bad(
        {"redis": {"size": "1Gi"}}, "the keys here are eviction, resources, storage", "rm --path redis.size"
    ),
    "unknown resource": Bad(
        web(resources={"limits": {"cpu": 1, "memory": "1Gi", "gpu": 1}}),
        "web.resources.limits.gpu is unknown",
        "rm --path web.resources.limits.gpu",
    ),
    "unknown in autoscaling": Bad(
        web(autoscaling={"maxReplicas": 3, "cpu": 70}),
        "web.autoscaling.cpu is unknown",
        "rm --path web.autoscaling.cpu",
    ),
    "snake case": Bad({"redis_password": "0123456789ab"}, "did you mean redisPassword?", "rm redis_password"),
    # Where to deploy
    "no context": Bad(
        {"kubernetes:context": None}, "kubernetes:context is missing", "set kubernetes:context"
    ),
    "context and Docker": Bad(
        {"runtime": "docker"},
        "kubernetes:context is set, but runtime is docker, which needs no cluster",
        "rm kubernetes:context",
    ),
    "unknown runtime": Bad({"runtime": "podman"}, "runtime is 'podman', but must be", "set runtime"),
    "port too high": Bad(
        web(servicePort=70000), "web.servicePort is 70000, but", "set --path web.servicePort"
    ),
    "no such context": Bad(
        {"kubernetes:context": "prod"}, "which has: office, sandbox", "set kubernetes:context CONTEXT"
    ),
    "misspelt context": Bad(
        {"kubernetes:context": "offfice"},
        "is 'offfice', but must be a context",
        "set kubernetes:context office",
    ),
    "empty context": Bad(
        {"kubernetes:context": ""}, "is '', but must be a context", "set kubernetes:context CONTEXT"
    ),
    "namespace in capitals": Bad({"namespace": "Prod"}, NAME.format("Prod"), "set namespace hits"),
    "namespace with dots": Bad({"namespace": "a.b"}, NAME.format("a.b"), "set namespace"),
    "namespace with a digit first": Bad({"namespace": "1a"}, NAME.format("1a"), "set namespace"),
    "namespace too long": Bad({"namespace": "a" * 64}, NAME.format("a" * 64), "set namespace"),
    "empty namespace": Bad({"namespace": ""}, NAME.format(""), "set namespace"),
    # What to run
    "neither image nor build": Bad({"image": None}, "image and build are missing", "set image"),
    "image and build": Bad({"build": "app"}, "image and build are both set", "rm image"),
    "image by tag": Bad(
        {"image": "v1"}, IMAGE.format("v1"), 'set image "$(pulumi stack output image --stack dev)"'
    ),
    "image latest": Bad({"image": "hits:latest"}, IMAGE.format("hits:latest"), "set image"),
    "short digest": Bad({"image": "sha256:abc"}, IMAGE.format("sha256:abc"), "set image"),
    "digest of capitals": Bad({"image": "sha256:" + "A" * 64}, "must name one version", "set image"),
    "other hash": Bad({"image": "sha512:" + "a" * 64}, "must name one version", "set image"),
    "space in the image": Bad({"image": f"v 1@{DIGEST}"}, "must name one version", "set image"),
    "empty image": Bad({"image": ""}, IMAGE.format(""), "set image"),
    "no such directory": Bad(
        {"image": None, "build": "nowhere"}, "directory with a Dockerfile", "set build app"
    ),
    "no Dockerfile there": Bad(
        {"image": None, "build": "docs"}, "directory with a Dockerfile", "set build app"
    ),
    "build from a file": Bad(
        {"image": None, "build": "app/Dockerfile"}, "directory with a Dockerfile", "set build"
    ),
    # Where images are
    "no repository": Bad({"repository": None}, "repository is missing", "set repository ghcr.io/acme/hits"),
    "repository with tag": Bad({"repository": "a/b:1"}, REPOSITORY.format("a/b:1"), "set repository"),
    "repository with digest": Bad({"repository": f"a/b@{DIGEST}"}, "without tag or digest", "set repository"),
    "repository with scheme": Bad(
        {"repository": "https://ghcr.io/a"}, "must be without a scheme: ghcr.io/a", "set repository"
    ),
    "repository in capitals": Bad(
        {"repository": "ghcr.io/Acme/hits"}, "must be lower case: ghcr.io/acme/hits", "set repository"
    ),
    "repository of Docker Hub in capitals": Bad(
        {"repository": "Acme/hits"}, "must be lower case: acme/hits", "set repository"
    ),
    "platform in short": Bad(
        {"platforms": ["arm64"]},
        "platforms[0] is 'arm64', but must be a platform",
        "set --path 'platforms[0]' linux/",
    ),
    "eviction in words": Bad(
        {"redis": {"eviction": "oldest"}},
        "redis.eviction is 'oldest', but must be 'noeviction'",
        "noeviction",
    ),
    "trailing slash": Bad({"repository": "ghcr.io/acme/"}, "without tag or digest", "set repository"),
    # How many
    "no replicas": Bad(
        web(replicas=0), "web.replicas is 0, but must be greater", "set --path web.replicas 3"
    ),
    "negative replicas": Bad(web(replicas=-1), "web.replicas is -1", "set --path web.replicas 3"),
    "replicas as a word": Bad(web(replicas="many"), "web.replicas is 'many'", "set --path web.replicas 3"),
    "replicas and a half": Bad(web(replicas=1.5), "web.replicas is 1.5", "set --path web.replicas 3"),
    "replicas as a switch": Bad(web(replicas=True), "web.replicas is True", "set --path web.replicas 3"),
    "replicas and autoscaling": Bad(
        web(replicas=3, autoscaling={"maxReplicas": 5}),
        "web.autoscaling and replicas are both set",
        "rm --path web.autoscaling",
    ),
    "max below min": Bad(
        web(autoscaling={"minReplicas": 5, "maxReplicas": 2}),
        "web.autoscaling.maxReplicas is 2, but must not be below min_replicas, 5",
        "set --path web.autoscaling.maxReplicas 5",
    ),
    "max below the default min": Bad(
        web(autoscaling={"maxReplicas": 2}), "must not be below min_replicas, 3", "set"
    ),
    "no max": Bad(
        web(autoscaling={"minReplicas": 2}), "web.autoscaling.maxReplicas is missing", "set --path"
    ),
    "min of 0": Bad(web(autoscaling={"minReplicas": 0, "maxReplicas": 2}), "minReplicas is 0", "set --path"),
    "utilization above 100": Bad(
        web(autoscaling={"maxReplicas": 5, "cpuUtilization": 700}),
        "cpuUtilization is 700, but must be less than or equal to 100",
        "set --path web.autoscaling.cpuUtilization",
    ),
    "utilization with a sign": Bad(
        web(autoscaling={"maxReplicas": 5, "cpuUtilization": "70%"}), "cpuUtilization is '70%'", "set --path"
    ),
    "autoscaling as a number": Bad(web(autoscaling=5), "web.autoscaling is 5", "set --path web.autoscaling"),
    # How much
    "memory in MB": Bad(
        limits(1, "256MB"), MEMORY.format("256MB"), "set --path web.resources.limits.memory 256Mi"
    ),
    "memory in millibytes": Bad(limits(1, "256m"), MEMORY.format("256m"), "256Mi"),
    "memory without unit": Bad(
        limits(1, 256), "web.resources.limits.memory is 256, but must be at least 1Mi", "256Mi"
    ),
    "memory with a space": Bad(limits(1, "256 Mi"), MEMORY.format("256 Mi"), "256Mi"),
    "negative memory": Bad(limits(1, "-1Gi"), MEMORY.format("-1Gi"), "256Mi"),
    "cpu with unit": Bad(
        limits("500mi", "1Gi"), CPU.format("500mi"), "set --path web.resources.limits.cpu 250m"
    ),
    "cpu in words": Bad(limits("half", "1Gi"), CPU.format("half"), "250m"),
    "no cpu": Bad(limits(0, "1Gi"), CPU.format(0), "250m"),
    "negative cpu": Bad(limits(-1, "1Gi"), CPU.format(-1), "250m"),
    "cpu limit below request": Bad(
        limits("100m", "1Gi"),
        "web.resources.limits.cpu is 100m, but must not be below the request, 250m",
        "set --path web.resources.limits.cpu 250m",
    ),
    "memory limit below request": Bad(
        limits(1, "64Mi"),
        "web.resources.limits.memory is 64Mi, but must not be below the request, 128Mi",
        "set --path web.resources.limits.memory 128Mi",
    ),
    "request above the default limit": Bad(
        web(resources={"requests": {"cpu": 1}}),
        "web.resources.limits.cpu is 500m by default, but must not be below the request, 1",
        "set --path web.resources.limits.cpu 1",
    ),
    "open without a reason": Bad(
        web(serviceType="NodePort"),
        "web.public is missing, but serviceType is NodePort",
        'set --path web.public "REASON"',
    ),
    "load balancer without a reason": Bad(
        web(serviceType="LoadBalancer"), "serviceType is LoadBalancer", 'set --path web.public "REASON"'
    ),
    "reason for what is not open": Bad(
        web(public="the shop"), "web.public is set, but serviceType is ClusterIP", "rm --path web.public"
    ),
    "storage without unit": Bad(
        {"redis": {"storage": 1}}, "redis.storage is 1,", "set --path redis.storage 1Gi"
    ),
    "storage in GB": Bad(
        {"redis": {"storage": "1GB"}}, "redis.storage is '1GB'", "set --path redis.storage 1Gi"
    ),
    "storage as a switch": Bad({"redis": {"storage": True}}, "redis.storage is True", "redis.storage 1Gi"),
    # How to be reached
    "service type": Bad(
        web(serviceType="Public"), "must be 'ClusterIP', 'NodePort' or 'LoadBalancer'", "set --path"
    ),
    "service type in lower case": Bad(
        web(serviceType="nodeport"), "web.serviceType is 'nodeport'", "set --path"
    ),
    # Groups
    "web as text": Bad({"web": "big"}, "web is 'big', but must be", "set web"),
    "web as a list": Bad({"web": [3]}, "web is [3], but must be", "set web"),
    "redis as a switch": Bad({"redis": "true"}, "redis is True, but must be", "set redis"),
}


def refuse(bad: Bad, program: Program) -> None:
    """Assert that the program refuses the configuration in a paragraph with the repairing command."""
    config = {"image": DIGEST, **bad.config}
    with pytest.raises(pulumi.RunError) as refusal:
        program(**config)
    message = str(refusal.value)
    assert "nothing was touched. In Pulumi.dev.yaml:" in message
    assert bad.says in message
    assert len(message.splitlines()) == 4, "one problem, one paragraph"
    assert re.fullmatch(
        rf"      pulumi config .*{re.escape(bad.repair)}.* --stack dev", message.splitlines()[-1]
    )


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_an_invalid_stack_file_is_refused_with_a_repair(bad: Bad, program: Program) -> None:
    refuse(bad, program)


def test_all_problems_are_reported_at_once(program: Program) -> None:
    with pytest.raises(pulumi.RunError) as refusal:
        program(image="v1", namespace="Prod", colour="red", web={"replicas": 0})
    for key in ("image", "namespace", "colour", "web.replicas"):
        assert f"\n  {key} is " in str(refusal.value)


def test_the_only_context_of_a_kubeconfig_is_the_repair(program: Program) -> None:
    """Not the example of the schema, which may be the value that was refused."""
    kubeconfig = '{"contexts": [{"name": "kind"}]}'
    with pytest.raises(pulumi.RunError, match=r"which has: kind\n.* set kubernetes:context kind --stack dev"):
        program(image=DIGEST, **{"kubernetes:kubeconfig": kubeconfig})
