"""The rules find pods wherever a custom resource has them, and do not take other things for pods."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.policy.test_policy import COMPUTE, GOOD, UNKNOWN, broken, rules, template

BAD = template({"hostNetwork": True}, image="x", env=[{"name": "DB_PASS", "value": "x"}])
BAD_RULES = {"no-latest-image", "no-privileged-pod", "secrets-in-secrets"}
RUN = {"template": BAD}
CONTAINER = {
    **GOOD,
    "image": "x",
    "securityContext": {"privileged": True},
    "env": [{"name": "DB_PASS", "value": "x"}],
}
PRIVILEGED = {"privileged": True}


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("JobSet", {"replicatedJobs": [{"name": "a", "template": {"spec": RUN}}]}),
        ("LeaderWorkerSet", {"leaderWorkerTemplate": {"workerTemplate": BAD}}),
        ("PyTorchJob", {"pytorchReplicaSpecs": {"Worker": RUN}}),
        ("RayCluster", {"workerGroupSpecs": [{"groupName": "a", "template": BAD}]}),
        ("RayService", {"rayClusterConfig": {"headGroupSpec": RUN}}),
        ("ScaledJob", {"jobTargetRef": RUN}),
        ("Service", {"template": BAD}),
        ("Rollout", {"template": BAD}),
        ("CloneSet", {"template": BAD}),
        ("AdvancedCronJob", {"template": {"jobTemplate": {"spec": RUN}}}),
        ("SparkApplication", {"driver": {"template": BAD}}),
        ("FlinkDeployment", {"jobManager": {"podTemplate": BAD}}),
        ("Elasticsearch", {"nodeSets": [{"podTemplate": BAD}]}),
        ("SeldonDeployment", {"predictors": [{"componentSpecs": [BAD]}]}),
        ("InferenceService", {"predictor": BAD["spec"]}),
        ("Prometheus", BAD["spec"]),
        ("DeploymentRuntimeConfig", {"deploymentTemplate": {"spec": {"template": BAD}}}),
        ("Object", {"forProvider": {"manifest": {"kind": "Pod", **BAD}}}),
        ("Workflow", {"templates": [{"name": "a", "container": CONTAINER}]}),
        ("Workflow", {"templates": [{"name": "a", "script": CONTAINER}]}),
        ("Workflow", {"templates": [{"name": "a", "containerSet": {"containers": [CONTAINER]}}]}),
        ("Workflow", {"templates": [{"name": "a", "sidecars": [CONTAINER]}]}),
        ("CronWorkflow", {"workflowSpec": {"templates": [{"name": "a", "initContainers": [CONTAINER]}]}}),
        ("Task", {"steps": [CONTAINER]}),
        ("Task", {"sidecars": [CONTAINER]}),
        ("Task", {"stepTemplate": CONTAINER}),
        ("PipelineRun", {"pipelineSpec": {"tasks": [{"taskSpec": {"steps": [CONTAINER]}}]}}),
        ("Sensor", {"template": {"container": CONTAINER}}),
        ("SparkApplication", {"driver": CONTAINER}),
        ("OpenTelemetryCollector", {**CONTAINER, "mode": "daemonset"}),
        ("InferenceService", {"predictor": {"model": CONTAINER}}),
        ("Alertmanager", {"containers": [CONTAINER]}),
    ],
)
def test_pods_and_containers_are_found_in_custom_resources(kind: str, spec: dict[str, Any]) -> None:
    assert broken(kind, {"spec": spec}) >= BAD_RULES


@pytest.mark.parametrize(
    ("kind", "spec", "policy"),
    [
        ("TaskRun", {"podTemplate": {"hostNetwork": True}}, "no-privileged-pod"),
        ("TaskRun", {"podTemplate": {"securityContext": {"runAsUser": 0}}}, "not-as-root"),
        ("Workflow", {"hostNetwork": True, "templates": []}, "no-privileged-pod"),
        ("Workflow", {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}, "no-privileged-pod"),
        ("SparkApplication", {"executor": {"podSecurityContext": {"runAsUser": 0}}}, "not-as-root"),
        ("SparkApplication", {"executor": {"envVars": {"DB_PASS": "x"}}}, "secrets-in-secrets"),
        ("Kafka", {"kafka": {"template": {"kafkaContainer": {"securityContext": PRIVILEGED}}}}, "no-priv"),
        (
            "Issuer",
            {"http01": {"podTemplate": {"spec": {"securityContext": {"runAsUser": 0}}}}},
            "not-as-root",
        ),
        ("VirtualMachine", {"volumes": [{"containerDisk": {"image": "vm:latest"}}]}, "no-latest-image"),
        ("VirtualMachine", {"volumes": [{"name": "a", "hostDisk": {"path": "/a"}}]}, "no-privileged-pod"),
        ("Task", {"steps": [{"image": "a:1@sha256:0", "script": "export DB_PASS=x"}]}, "secrets-in-secrets"),
    ],
)
def test_what_controllers_make_pods_of_is_checked_for_what_it_sets(
    kind: str, spec: dict[str, Any], policy: str
) -> None:
    assert [name for name in broken(kind, {"spec": spec}) if name.startswith(policy)]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("Task", {"steps": [{"name": "a", "image": "a:1@sha256:0", "script": "make"}]}),
        ("Prometheus", {"image": "a:1@sha256:0", "containers": [{"name": "prometheus", "args": ["--a"]}]}),
        ("SparkApplication", {"image": "a:1@sha256:0", "driver": {"cores": 1, "env": []}}),
        ("NodePool", {"template": {"spec": {"requirements": []}}}),
        ("GCPMachineTemplate", {"template": {"spec": {"image": "ubuntu-2204", "instanceType": "a"}}}),
        (
            "Workflow",
            {
                "securityContext": {"runAsNonRoot": True},
                "templates": [
                    {
                        "name": "a",
                        "container": {"image": "a:1@sha256:0", "resources": COMPUTE},
                        "initContainers": [{"name": "b", "image": "a:1@sha256:0", "resources": COMPUTE}],
                    }
                ],
            },
        ),
        ("CustomResourceDefinition", {"properties": {"image": {"type": "string"}, "env": {"type": "array"}}}),
        ("LimitRange", {"containers": ["a"], "ports": True, "volumes": "a", "securityContext": True}),
    ],
)
def test_other_things_are_no_pods(kind: str, spec: dict[str, Any]) -> None:
    assert broken(kind, {"spec": spec}) == set()


def test_a_security_context_outside_of_the_pod_does_not_count() -> None:
    """The API server drops a field that the kind does not have."""
    manifest = {
        "spec": {"securityContext": {"runAsNonRoot": True}, "template": template(securityContext={})},
    }
    assert broken("Deployment", manifest) == {"not-as-root"}


def test_a_kind_whose_name_ends_in_patch_is_no_patch() -> None:
    manifest = {"spec": {"template": template(resources={})}}
    assert broken("FlowPatch", {"kind": "FlowPatch", **manifest}) == {"resources-set"}
    assert broken("DeploymentPatch", {"kind": "Deployment", **manifest}) == set()


def test_pods_that_end_need_no_readiness_probe() -> None:
    jobs = [{"template": {"spec": {"template": template({"restartPolicy": "Never"}, readinessProbe=None)}}}]
    assert broken("JobSet", {"spec": {"replicatedJobs": jobs}}) == set()


KEYS = ["spec", "template", "containers", "image", "env", "name", "value", "command", "args", "ports"]
KEYS += ["securityContext", "resources", "limits", "volumes", "capabilities", "add", "metadata", "items"]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["", "x", "a b", "it's", "--password"])
    | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@given(manifest=st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=4))
def test_no_object_ends_in_a_traceback(manifest: dict[str, Any]) -> None:
    for kind in ("Deployment", "CronJob", "Service", "ConfigMap", "Anything", "AnythingPatch", "List"):
        broken(kind, manifest)


def test_a_deep_object_is_checked_in_time() -> None:
    manifest: dict[str, Any] = template(image="x")
    for _ in range(200):
        manifest = {"spec": manifest, "securityContext": {}}
    assert "no-latest-image" in broken("Deep", manifest)
    assert rules.POLICIES
