"""What the whole program promises, whatever the stack; see tests/e2e for the same on a cluster."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.recorder import DIGEST, Recorder

WORKLOADS = ("Deployment", "StatefulSet")
CANARY = "canary-4e1c-of-a-password"

STACKS: dict[str, dict[str, Any]] = {
    "builds": {"build": "app"},
    "runs an image": {"image": f"1a2b3c@{DIGEST}"},
    "scales and keeps": {
        "image": DIGEST,
        "web": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4}},
        "redis": {"storage": "1Gi"},
        "secret": {"redisPassword": CANARY, "registryCredentials": f"me:{CANARY}"},
    },
}


@pytest.fixture(params=STACKS)
def recorded(request: pytest.FixtureRequest, program: Callable[..., Recorder]) -> Recorder:
    return program(**STACKS[request.param])


def pods(recorder: Recorder) -> Iterator[dict[str, Any]]:
    for kind in WORKLOADS:
        for workload in recorder.of(kind):
            yield workload.inputs["spec"]["template"]["spec"]


def containers(recorder: Recorder) -> Iterator[dict[str, Any]]:
    for pod in pods(recorder):
        yield from [*pod["containers"], *pod.get("initContainers", [])]


def test_every_container_has_requests_and_limits(recorded: Recorder) -> None:
    for container in containers(recorded):
        assert container["resources"].keys() == {"requests", "limits"}
        for amounts in container["resources"].values():
            assert amounts.keys() >= {"cpu", "memory"}


def test_no_container_runs_as_root_or_can_become_it(recorded: Recorder) -> None:
    for pod in pods(recorded):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 10000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in containers(recorded):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_every_container_has_probes(recorded: Recorder) -> None:
    for container in containers(recorded):
        assert container.keys() >= {"startupProbe", "readinessProbe", "livenessProbe"}


def test_no_pod_gets_a_token_for_the_api_server(recorded: Recorder) -> None:
    for pod in pods(recorded):
        assert pod["automountServiceAccountToken"] is False
    assert recorded.of("ServiceAccount")
    for account in recorded.of("ServiceAccount"):
        assert account.inputs["automountServiceAccountToken"] is False


def test_the_application_runs_by_digest(recorded: Recorder) -> None:
    image = recorded.one("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
    assert re.fullmatch(rf"localhost:5001/hits(:[\w.-]+)?@{DIGEST}", image)


def test_every_pod_is_under_a_policy_that_denies_by_default(recorded: Recorder) -> None:
    policies = [policy.inputs["spec"] for policy in recorded.of("NetworkPolicy")]
    assert {} in [policy["podSelector"] for policy in policies], "the namespace's own"
    for kind in WORKLOADS:
        labels = recorded.one(kind)["spec"]["selector"]
        [policy] = [policy for policy in policies if policy["podSelector"] == labels]
        assert sorted(policy["policyTypes"]) == ["Egress", "Ingress"]


def test_every_child_has_a_component_parent(recorded: Recorder) -> None:
    for urn in recorded.urns:
        assert "slipway:components:" in urn.split("::")[2], urn


def test_everything_lives_in_the_namespace_and_that_is_restricted(recorded: Recorder) -> None:
    namespace = recorded.one("Namespace")["metadata"]
    assert namespace["name"] == "slipway-dev"
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for resource in recorded.resources:
        if resource.type.startswith("kubernetes:") and resource.kind != "Namespace":
            assert resource.inputs["metadata"]["namespace"] == "slipway-dev", resource


def test_names_that_people_use_are_stable_and_names_of_content_are_not(recorded: Recorder) -> None:
    for resource in recorded.resources:
        if resource.type.startswith("kubernetes:"):
            named = "name" in resource.inputs["metadata"]
            assert named == (resource.kind not in ("ConfigMap", "Secret")), resource


def test_replacing_one_part_replaces_no_other(recorded: Recorder) -> None:
    """What has a fixed name is deleted before it is made again, and with it what has its outputs as inputs.

    A Namespace is exempt: it is replaced only when its name changes, which moves everything in it anyway.
    """
    fixed = {
        f"{resource.type}::{resource.name}"
        for resource in recorded.resources
        if "name" in resource.inputs.get("metadata", {}) and resource.kind != "Namespace"
    }
    for urn, request in recorded.requests.items():
        for name, found in request.propertyDependencies.items():
            taken = [urn for urn in found.urns if urn.rpartition("$")[2] in fixed]
            assert not taken, f"{urn} takes {name} from {taken}"


def test_the_application_starts_after_the_redis_that_it_talks_to(recorded: Recorder) -> None:
    needed = {urn.rpartition("$")[2] for urn in recorded.request("Deployment", "web").dependencies}
    assert needed >= {"kubernetes:apps/v1:StatefulSet::cache", "kubernetes:core/v1:Service::cache"}


def test_secrets_reach_secrets_alone(program: Callable[..., Recorder]) -> None:
    recorded = program(**STACKS["scales and keeps"])
    holders = {r.kind for r in recorded.resources if CANARY in json.dumps(r.inputs, default=str)}
    assert holders == {"Secret"}


def test_a_stack_with_an_image_builds_nothing(program: Callable[..., Recorder]) -> None:
    assert program(build="app").of("Image")
    assert not program(image=DIGEST).of("Image")


@pytest.mark.parametrize(
    ("image", "version"),
    [
        (DIGEST, "a" * 12),
        (f"7@{DIGEST}", "7"),
        (f"ghcr.io/acme/hits@{DIGEST}", "a" * 12),
        (f"ghcr.io/acme/hits:7@{DIGEST}", "7"),
    ],
)
def test_the_application_gets_its_version(image: str, version: str, program: Callable[..., Recorder]) -> None:
    """The version is the tag, or the start of the digest if there is no tag."""
    [container] = program(image=image).one("Deployment")["spec"]["template"]["spec"]["containers"]
    assert {"name": "APP_VERSION", "value": version} in container["env"]


def test_amounts_not_given_keep_the_defaults(program: Callable[..., Recorder]) -> None:
    memory = {"resources": {"limits": {"memory": "1Gi"}}}
    recorded = program(image=DIGEST, web=memory, redis=memory)
    for kind, request in (("Deployment", "250m"), ("StatefulSet", "50m")):
        [container] = recorded.one(kind)["spec"]["template"]["spec"]["containers"]
        assert {"cpu": "500m", "memory": "1Gi"}.items() <= container["resources"]["limits"].items()
        assert container["resources"]["requests"]["cpu"] == request


def test_a_number_in_quotes_is_a_number(program: Callable[..., Recorder]) -> None:
    for three in ("3", 3.0, "3.0"):
        assert program(image=DIGEST, web={"replicas": three}).one("Deployment")["spec"]["replicas"] == 3


def test_other_nodes_namespaces_and_evictions(program: Callable[..., Recorder]) -> None:
    recorded = program(
        build="app", platforms=["linux/arm64"], createNamespace="false", redis={"eviction": "volatile-ttl"}
    )
    assert recorded.one("Image")["platforms"] == ["linux/arm64"]
    pod = recorded.one("Deployment")["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"kubernetes.io/os": "linux", "kubernetes.io/arch": "arm64"}
    assert not recorded.of("Namespace")
    assert "maxmemory-policy volatile-ttl" in recorded.one("ConfigMap")["data"]["redis.conf"]
    both = program(build="app", platforms=["linux/amd64", "linux/arm64"]).one("Deployment")
    assert "nodeSelector" not in both["spec"]["template"]["spec"]


def test_redis_is_pulled_with_the_credentials(program: Callable[..., Recorder]) -> None:
    recorded = program(**STACKS["scales and keeps"])
    secrets = [account.inputs["imagePullSecrets"] for account in recorded.of("ServiceAccount")]
    assert len(secrets) == 2
    assert secrets[0] == secrets[1]


def test_an_open_service_has_the_reason(program: Callable[..., Recorder]) -> None:
    web = {"serviceType": "NodePort", "public": "the shop's front door"}
    service = program(image=DIGEST, web=web).one("Service", "web")
    assert service["metadata"]["annotations"]["slipway/public"] == "the shop's front door"


def test_a_host_name_and_a_port_come_from_the_stack(program: Callable[..., Recorder]) -> None:
    web = {"host": "hits.example.com", "tlsSecret": "hits", "ingressClass": "nginx", "public": "a shop"}
    recorded = program(image=DIGEST, web={**web, "port": 8000, "tmp": "1Gi"})
    ingress = recorded.one("Ingress")
    assert ingress["spec"]["tls"] == [{"hosts": ["hits.example.com"], "secretName": "hits"}]
    assert ingress["spec"]["ingressClassName"] == "nginx"
    assert ingress["metadata"]["annotations"]["slipway/public"] == "a shop"
    assert recorded.one("Service", "web")["spec"]["ports"][0]["targetPort"] == 8000
    volumes = recorded.one("Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}} in volumes


def test_a_build_has_arguments_and_a_dockerfile_of_its_own(program: Callable[..., Recorder]) -> None:
    build = {"context": ".", "dockerfile": "app/Dockerfile", "buildArgs": {"PYTHON_IMAGE": "python:3.12"}}
    image = program(build=build).one("Image")
    assert image["buildArgs"]["PYTHON_IMAGE"] == "python:3.12"
    assert program(build="app").one("Image")["tags"] != image["tags"]


def test_a_failed_rollout_is_reported_within_two_minutes(recorded: Recorder) -> None:
    for kind in WORKLOADS:
        for resource in recorded.of(kind):
            assert resource.inputs["metadata"]["annotations"]["pulumi.com/timeoutSeconds"] == "100"


@pytest.mark.parametrize(
    ("secrets", "user"),
    [
        ({"registryCredentials": "pusher:a", "pullCredentials": "puller:b"}, "puller"),
        ({"pullCredentials": "puller:b"}, "puller"),
        ({"registryCredentials": "pusher:a"}, "pusher"),
    ],
)
def test_nodes_pull_with_a_login_of_their_own_if_there_is_one(
    secrets: dict[str, str], user: str, program: Callable[..., Recorder]
) -> None:
    """A login that may push lies in no namespace then."""
    recorder = program(build="app", secret=secrets)
    [pull] = [
        item.inputs
        for item in recorder.of("Secret")
        if item.inputs.get("type") == "kubernetes.io/dockerconfigjson"
    ]
    [login] = json.loads(pull["stringData"][".dockerconfigjson"])["auths"].values()
    assert login["username"] == user
    [image] = recorder.of("Image")
    pushers = [item["username"] for item in image.inputs.get("registries", ())]
    assert pushers == ["pusher"] * ("registryCredentials" in secrets)
