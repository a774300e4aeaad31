"""The status of a stack whose pods the API server refuses, by a LimitRange or a ResourceQuota."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.conftest import Ending
from tests.e2e.program.conftest import Stack, new_stack, program
from tests.e2e.sandbox.cluster import eventually

REPLICAS = 2
LIMIT_RANGE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"cpu": "100m"}}]},
}
QUOTA: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "none"},
    "spec": {"hard": {"pods": "0"}},
}


@pytest.fixture(scope="module")
def stack(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Stack]:
    """The program with two replicas of web."""
    project = program(tmp_path_factory.mktemp("refused"), sandbox)
    deployed = new_stack(project, "refused", build="app", web={"replicas": REPLICAS})
    with deployed.while_up(ending) as stack:
        yield stack


def status(stack: Stack) -> dict[str, Any]:
    """Return the row of the stack."""
    [row] = json.loads(stack.slipway("status", stack.name, "--json").stdout)
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (LIMIT_RANGE, "is forbidden: maximum cpu usage per Container is 100m, but limit is 500m"),
        (QUOTA, "is forbidden: exceeded quota: none"),
    ],
    ids=["LimitRange", "ResourceQuota"],
)
def test_the_sentence_of_the_api_server_is_in_the_status(
    stack: Stack, manifest: dict[str, Any], reason: str
) -> None:
    """For the Deployment by its condition, for the StatefulSet by its events; gone when its cause is."""
    assert status(stack)["health"] == "healthy"
    create = ("kubectl", "--namespace", stack.namespace, "create", "--filename=-")
    subprocess.run(create, env=stack.environment, input=json.dumps(manifest), text=True, check=True)
    try:
        stack.kubectl("delete", "pods", "--all", "--wait=false")

        def reported() -> bool:
            row = status(stack)
            problems = [text for text in row["problems"] if reason in text]
            kinds = {text.partition(" ")[0] for text in problems}
            return row["health"] == "unhealthy" and kinds == {"Deployment", "StatefulSet"}

        eventually("the refusal is reported", reported, 120)
        assert stack.slipway("status", stack.name).returncode == 2
    finally:
        stack.kubectl("delete", manifest["kind"], manifest["metadata"]["name"])
    stack.kubectl("rollout", "restart", "statefulset/cache", "deployment/web")
    eventually("the stack is healthy again", lambda: status(stack)["health"] == "healthy", 180)
