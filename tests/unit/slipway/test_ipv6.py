"""IPv6 addresses: of registries, in network policies, in URLs."""

import json
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components import Endpoint, Namespace, RegistryCredentials
from components.image.reference import RepositoryName
from slipway.cluster import compatibility
from slipway.cluster.kubeconfig import Kubeconfig
from slipway.cluster.kubectl import Cluster
from slipway.images.references import Image, split
from slipway.images.registry import Repository
from slipway.images.registry_login import Login
from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import Change, Op
from tests.unit.conftest import Run
from tests.unit.recorder import DIGEST
from tests.unit.slipway.preview.rules.test_rules import workload


class Registry(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class ApiServer(Registry):
    """Says its version, and which path was asked for."""

    def do_GET(self) -> None:
        content = json.dumps({"gitVersion": "v1.35.1", "path": self.path}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a server on this machine's IPv6 address; yield its URL."""
    try:
        listening = Server(("::1", 0), handler)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listening:
        Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://[::1]:{listening.server_port}"
        listening.shutdown()


@pytest.fixture
def host() -> Iterator[str]:
    """A registry."""
    with serving(Registry) as url:
        yield url.removeprefix("http://")


def test_a_registry_is_asked_at_its_address(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    repository = Repository(f"{host}/team/web", Login("me", "pw"))
    assert (repository.host, repository.url) == (host, f"http://{host}/v2/")
    assert repository.digest("v1") == DIGEST


def test_an_api_server_is_reached_at_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.setenv("HOME", str(tmp_path))  # kubectl keeps what it reads
    with serving(ApiServer) as url:
        kubeconfig = {
            "clusters": [{"name": "six", "cluster": {"server": url}}],
            "contexts": [{"name": "six", "context": {"cluster": "six", "user": "me"}}],
            "users": [{"name": "me", "user": {}}],
        }
        contents = json.dumps(kubeconfig)
        assert Kubeconfig.choose(contents).server("six") == url
        cluster = Cluster.from_values("six", contents, tmp_path)
        assert compatibility.server_version(cluster) == "1.35"
        for name, scheme in (("web:80", "http"), ("https:web:80", "https")):
            with cluster.service("shop", "web", 80, scheme) as client:
                assert client.get("livez").json()["path"].endswith(f"/services/{name}/proxy/livez")


@pytest.mark.parametrize("name", ["[::1]:5000/web", "[2001:db8::1]/team/web", "[2001:DB8::1]:443/web"])
def test_a_repository_may_be_at_an_address(name: str) -> None:
    assert TypeAdapter(RepositoryName).validate_python(name) == name
    assert split(name)[0] == name.partition("/")[0]
    assert Image.parse(f"{name}:v1@{DIGEST}") == Image(name, DIGEST, "v1")


@pytest.mark.parametrize("name", ["::1/web", "2001:db8::1/web", "[::1/web", "[::g]/web"])
def test_a_repository_at_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RepositoryName).validate_python(name)


def test_nodes_pull_from_an_address(engine: Run) -> None:
    login = RegistryCredentials(username="me", password="token")  # noqa: S106 # made up
    recorder = engine(lambda: Namespace("shop", repository="[::1]:5000/web", credentials=login) and None)
    assert [*json.loads(recorder.one("Secret")["stringData"][".dockerconfigjson"])["auths"]] == ["[::1]:5000"]


def test_an_endpoint_may_be_an_address_range() -> None:
    [peer] = list(Endpoint(port=5432, cidr="2001:db8::/32").egress["to"])  # type: ignore[arg-type] # no Output here
    assert peer == {"ip_block": {"cidr": "2001:db8::/32"}}
    with pytest.raises(ValidationError, match="host bits set"):
        Endpoint(port=5432, cidr="2001:db8::1/32")


def policy(*cidrs: str) -> dict[str, Any]:
    sources = [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": sources}],
        },
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("2001:db8::/32",), ("::/0",), {"exposure"}),
        (("0.0.0.0/0",), ("0.0.0.0/0", "::/0"), set()),
        (("0.0.0.0/0",), ("::/0",), {"downtime"}),
        (("0.0.0.0/0", "::/0"), ("::/0",), {"downtime"}),
        (("10.0.0.0/8",), ("10.0.0.0/8", "::/0"), {"exposure"}),
    ],
)
def test_a_policy_speaks_of_one_version_of_addresses(
    before: tuple[str, ...], after: tuple[str, ...], expected: set[str]
) -> None:
    """`0.0.0.0/0` and `::/0` are not the same clients."""
    pods = Change("urn::web", "kubernetes:apps/v1:Deployment", Op.SAME, "", workload(), workload(), {})
    change = Change(
        "urn::policy", "kubernetes:x:NetworkPolicy", Op.UPDATE, "", policy(*before), policy(*after), {}
    )
    found = consequences(Situation((change,), (pods,)))
    assert {item.concern for item in found if item.level is Level.DANGEROUS} == expected
