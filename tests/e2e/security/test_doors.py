"""What a pod of a stack can reach and may ask for; the control is the same without the policies."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from sandbox.platform.instance import NODES
from sandbox.shell import inside, run
from tests.e2e.program.conftest import INSTANCE, Stack
from tests.e2e.sandbox.cluster import eventually
from tests.e2e.security.conftest import Watched

METADATA = "169.254.169.254"
"""The metadata service of clouds, which has the credentials of the machine."""
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)"
REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview"}
ABOUT_ONESELF = {"authorization.k8s.io", "authentication.k8s.io"}


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A server on each node under the address of a cloud's metadata."""
    with ExitStack() as undo:
        for node in NODES:
            netns = INSTANCE.node_netns(node)
            run("ip", "-n", netns, "address", "replace", f"{METADATA}/32", "dev", "lo")
            undo.callback(run, "ip", "-n", netns, "address", "delete", f"{METADATA}/32", "dev", "lo")
            command = (*inside(netns), sys.executable, "-m", "http.server", "80", "--bind", METADATA)
            where = tmp_path_factory.mktemp("metadata")
            server = undo.enter_context(subprocess.Popen(command, cwd=where, stderr=subprocess.DEVNULL))
            undo.callback(server.terminate)
        yield


@pytest.fixture(scope="module")
def doors(neighbour: Stack, metadata: None) -> dict[str, tuple[str, int]]:
    """What no pod of a stack has any business with."""
    address = neighbour.kubectl("get", "pod", "cache-0", "--output=jsonpath={.status.podIP}")
    return {
        "another stack's Redis": (address, 6379),
        "another stack's Redis, by its Service": (f"cache.{neighbour.namespace}.svc", 6379),
        "the API server": (INSTANCE.control_ip, 6443),
        "the API server, by its Service": ("kubernetes.default.svc", 443),
        "the registry": (INSTANCE.control_ip, 5000),
        **{f"the kubelet of {node}": (INSTANCE.node_ip(node), 10250) for node in NODES},
        "the node's metadata": (METADATA, 80),
    }


def reaches(stack: Stack, host: str, port: int) -> bool:
    words = ("kubectl", "--namespace", stack.namespace, "exec", "deployment/web", "--")
    done = subprocess.run(
        (*words, "python3", "-c", CONNECT, host, str(port)),
        env=stack.environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 or "rror" in done.stderr.splitlines()[-2], done.stderr
    return done.returncode == 0


def open_doors(stack: Stack, doors: dict[str, tuple[str, int]]) -> set[str]:
    return {name for name, (host, port) in doors.items() if reaches(stack, host, port)}


def test_a_pod_reaches_its_own_redis_and_nothing_else(
    watched: Watched, neighbour: Stack, doors: dict[str, tuple[str, int]]
) -> None:
    stack = watched.stack
    assert reaches(stack, "cache", 6379)
    assert open_doors(stack, doors) == set()
    try:
        for client in (stack, neighbour):
            client.kubectl("delete", "networkpolicies", "--all")
        eventually("all is open without the policies", lambda: open_doors(stack, doors) == doors.keys())
    finally:
        for client in (stack, neighbour):
            client.succeed("up", "--yes", "--skip-preview", "--refresh")
    eventually("all is closed again", lambda: not open_doors(stack, doors))
    assert stack.changes() == []


@pytest.mark.parametrize("pod", ["deployment/web", "statefulset/cache"])
def test_a_pod_has_no_token(pod: str, watched: Watched) -> None:
    held = watched.stack.kubectl(
        "exec", pod, "--", "sh", "-c", "ls /var/run/secrets /run/secrets 2>&1 || true"
    )
    assert "kubernetes.io" not in held
    assert "No such file" in held


def rules(stack: Stack, account: str) -> list[dict[str, list[str]]]:
    """Return the rights of an account in the stack's namespace, from the API server."""
    review = {**REVIEW, "spec": {"namespace": stack.namespace}}
    words = (
        "kubectl",
        "create",
        f"--as=system:serviceaccount:{account}",
        "--filename=-",
        "--output=json",
        "--validate=false",
    )
    groups = ("--as-group=system:serviceaccounts", "--as-group=system:authenticated")
    output = subprocess.check_output(
        (*words, *groups), env=stack.environment, text=True, input=json.dumps(review)
    )
    found: list[dict[str, list[str]]] = json.loads(output)["status"]["resourceRules"]
    return found


@pytest.mark.parametrize("name", ["web", "cache", "default"])
def test_an_account_may_ask_about_itself_alone(name: str, watched: Watched) -> None:
    own = rules(watched.stack, f"{watched.stack.namespace}:{name}")
    assert {group for rule in own for group in rule["apiGroups"]} == ABOUT_ONESELF
    assert {verb for rule in own for verb in rule["verbs"]} == {"create"}


def test_an_account_that_may_do_more_would_be_found(watched: Watched) -> None:
    assert {
        group for rule in rules(watched.stack, "kube-system:coredns") for group in rule["apiGroups"]
    } > ABOUT_ONESELF
