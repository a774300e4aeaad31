"""The manifests as deployed pass kube-score's full rule set, with these exceptions and no more."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.program.conftest import PROJECT, Stack

TOOLS = PROJECT / "tests/tools"

EXCEPTIONS = {
    (
        "web",
        "container-image-pull-policy",
    ): "a digest never changes; Always would need the registry at each restart",
    ("cache", "container-image-pull-policy"): "as for web: a restart must not depend on a registry",
    (
        "web",
        "deployment-has-host-podantiaffinity",
    ): "topologySpreadConstraints spread the pods over the nodes",
    (
        "web",
        "pod-probes-identical",
    ): "the page is served without Redis; readiness is lost after 6 s, liveness after 30 s",
    (
        "cache",
        "pod-probes-identical",
    ): "PING is Redis' health check; liveness gives it a minute, readiness 15 s",
    (
        "cache",
        "statefulset-has-servicename",
    ): "clients use the Service's stable address, not a pod's own name",
}


@pytest.fixture(scope="session")
def kube_score(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The linter, built from the modules that tests/tools pins."""
    path = tmp_path_factory.mktemp("tools") / "kube-score"
    package = "github.com/zegl/kube-score/cmd/kube-score"
    subprocess.run(("go", "build", "-trimpath", "-o", path, package), cwd=TOOLS, check=True)
    return path


def manifests(stack: Stack) -> list[dict[str, Any]]:
    """What the stack sent to the cluster, as its state records it; Secrets' content is encrypted there."""
    return [
        resource["inputs"]
        for resource in stack.exported()["resources"]
        if resource["type"].startswith("kubernetes:") and resource["inputs"].get("kind", "Secret") != "Secret"
    ]


def score(kube_score: Path, documents: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return who breaks which rule."""
    done = subprocess.run(
        (kube_score, "score", "--kubernetes-version", "v1.35", "--output-format", "json", "-"),
        input=yaml.safe_dump_all(documents),
        capture_output=True,
        text=True,
    )
    return {
        (subject["object_meta"]["name"], check["check"]["id"])
        for subject in json.loads(done.stdout)
        for check in subject["checks"]
        if not check["skipped"] and check["grade"] < 10
    }


def test_the_manifests_keep_every_rule_but_the_exceptions(kube_score: Path, dev: Stack, prod: Stack) -> None:
    broken = score(kube_score, manifests(dev)) | score(kube_score, manifests(prod))
    assert broken == EXCEPTIONS.keys()


def test_a_container_without_limits_would_be_found(kube_score: Path, dev: Stack) -> None:
    documents = manifests(dev)
    [deployment] = [document for document in documents if document["kind"] == "Deployment"]
    del deployment["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert ("web", "container-resources") in score(kube_score, documents)
