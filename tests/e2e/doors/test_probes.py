"""Probes by https and gRPC, as the kubelet asks them."""

import json
from typing import Any

from tests.e2e.doors.conftest import DoorStack
from tests.e2e.sandbox.cluster import eventually

SICK = "/tmp/sick"  # noqa: S108 # in the pod


def pod(stack: DoorStack, name: str) -> dict[str, Any]:
    pods = stack.kubectl("get", "pods", f"--selector=app.kubernetes.io/name={name}", "--output=json")
    [found] = json.loads(pods)["items"]
    return dict(found)


def is_ready(stack: DoorStack, name: str) -> bool:
    conditions = {item["type"]: item["status"] for item in pod(stack, name)["status"]["conditions"]}
    return bool(conditions["Ready"] == "True")


def test_a_probe_asks_by_https(stack: DoorStack) -> None:
    found = pod(stack, "encrypted")
    assert found["spec"]["containers"][0]["readinessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert is_ready(stack, "encrypted")


def test_a_probe_asks_by_grpc_whether_it_serves(stack: DoorStack) -> None:
    name = pod(stack, "remote")["metadata"]["name"]
    assert is_ready(stack, "remote")
    stack.kubectl("exec", name, "--", "touch", SICK)
    try:
        eventually("it is not ready while it does not serve", lambda: not is_ready(stack, "remote"))
    finally:
        stack.kubectl("exec", name, "--", "rm", SICK)
    eventually("it is ready again", lambda: is_ready(stack, "remote"))
