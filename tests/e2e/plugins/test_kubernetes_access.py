"""How the stand-in proves to a real API server who it is, and what it leaves to the official plugin."""

import base64
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from sandbox.plugins.protocol import provider_pb2
from tests.e2e.plugins.kubernetes_provider import MAP, STAND_IN, Plugin, config_map, kubectl, running, urn_of

ACCOUNT = "deployer"
HELPER = """
import json, os, pathlib, sys
request = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert request["kind"] == "ExecCredential" and os.environ["ASKED_BY"] == "the test"
calls = pathlib.Path(sys.argv[1])
calls.write_text(str(int(calls.read_text() or 0) + 1))
print(json.dumps({**request, "status": json.loads(pathlib.Path(sys.argv[2]).read_text())}))
"""


class Access:
    """Kubeconfigs for the sandbox whose user is a program that prints a credential."""

    def __init__(self, directory: Path, sandbox: dict[str, str], namespace: str) -> None:
        self.sandbox, self.namespace = sandbox, namespace
        self.calls, self._status = directory / "calls", directory / "status"
        self._helper = directory / "helper.py"
        self._helper.write_text(HELPER)
        self.calls.write_text("")
        self.given = yaml.safe_load(Path(sandbox["KUBECONFIG"]).read_text())

    def kubeconfig(self, status: dict[str, Any], command: str = sys.executable) -> str:
        self._status.write_text(json.dumps(status))
        helper = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": [str(self._helper), str(self.calls), str(self._status)],
            "env": [{"name": "ASKED_BY", "value": "the test"}],
        }
        users = [{**user, "user": {"exec": helper}} for user in self.given["users"]]
        return json.dumps({**self.given, "users": users})

    @contextmanager
    def plugin(self, kubeconfig: str) -> Iterator[Plugin]:
        with running(STAND_IN, self.sandbox) as plugin:
            plugin.configure(kubeconfig=kubeconfig, namespace=self.namespace)
            yield plugin


@pytest.fixture
def access(tmp_path: Path, sandbox: dict[str, str], namespace: str) -> Access:
    return Access(tmp_path, sandbox, namespace)


def certificate(access: Access) -> dict[str, Any]:
    user = access.given["users"][0]["user"]
    keys = {"clientCertificateData": "client-certificate-data", "clientKeyData": "client-key-data"}
    return {key: base64.b64decode(user[data]).decode() for key, data in keys.items()}


def token(access: Access) -> dict[str, Any]:
    words = ("-n", access.namespace)
    kubectl(access.sandbox, *words, "create", "serviceaccount", ACCOUNT)
    account = f"--serviceaccount={access.namespace}:{ACCOUNT}"
    kubectl(access.sandbox, *words, "create", "rolebinding", ACCOUNT, "--clusterrole=edit", account)
    return {"token": kubectl(access.sandbox, *words, "create", "token", ACCOUNT).strip()}


@pytest.mark.parametrize("credential", [certificate, token])
def test_a_credential_comes_from_a_program(
    credential: Callable[[Access], dict[str, Any]], access: Access
) -> None:
    with access.plugin(access.kubeconfig(credential(access))) as plugin:
        made = config_map(credential.__name__, a="1")
        identifier, state = plugin.create(MAP, plugin.check(MAP, made))
        plugin.delete(MAP, identifier, state)
    assert access.calls.read_text() == "1", "asked once, until it expires"


def test_an_expired_credential_is_asked_for_again(access: Access) -> None:
    expired = {**certificate(access), "expirationTimestamp": "2020-01-01T00:00:00Z"}
    with access.plugin(access.kubeconfig(expired)) as plugin:
        identifier, state = plugin.create(MAP, plugin.check(MAP, config_map("expired", a="1")))
        plugin.delete(MAP, identifier, state)
    assert int(access.calls.read_text()) > 1


@pytest.mark.parametrize(
    ("status", "command", "message"),
    [
        ({}, "no-such-program", "executable no-such-program not found"),
        ({}, "false", "executable false failed with exit code 1"),
        ({}, "echo", "echo printed no ExecCredential with a status"),
        ({"token": "of nobody"}, sys.executable, "has asked for the client to provide credentials"),
    ],
)
def test_what_is_wrong_with_a_credential_is_said(
    status: dict[str, Any], command: str, message: str, access: Access
) -> None:
    with access.plugin(access.kubeconfig(status, command)) as plugin:
        inputs = plugin.check(MAP, config_map("refused", a="1"))
        with pytest.raises(grpc.RpcError) as failed:
            plugin.create(MAP, inputs)
    assert message in str(failed.value)
    assert "of nobody" not in str(failed.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda plugin: plugin.stub.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:helm:template")),
        lambda plugin: plugin.stub.Construct(
            provider_pb2.ConstructRequest(type="kubernetes:helm.sh/v4:Chart")
        ),
        lambda plugin: plugin.create(
            urn_of("helm.sh/v3:Release"), plugin.check(urn_of("helm.sh/v3:Release"), {"chart": "nginx"})
        ),
    ],
    ids=["function", "component", "release"],
)
def test_helm_is_left_to_the_official_plugin(call: Callable[[Plugin], object], plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError, match="needs the official Kubernetes plugin: `pulumi plugin install"):
        call(plugin)
