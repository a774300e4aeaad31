"""IPv6 addresses: of registries, in network policies, in URLs."""

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components import Endpoint, Namespace, RegistryCredentials
from components.image.reference import RepositoryName
from slipway.images.login import Login
from slipway.images.references import Image, split
from slipway.images.registry import Repository
from slipway.preview.rules import Level, Situation, consequences
from slipway.pulumi.changes import Change, Op
from tests.unit.conftest import Run
from tests.unit.recorder import DIGEST
from tests.unit.slipway.test_rules import workload


class Registry(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@pytest.fixture
def host() -> Iterator[str]:
    """A registry on this machine's IPv6 address."""
    try:
        server = Server(("::1", 0), Registry)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"[::1]:{server.server_port}"
        server.shutdown()


def test_a_registry_is_asked_at_its_address(
    host: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    repository = Repository(f"{host}/team/web", Login("me", "pw"))
    assert (repository.host, repository.url) == (host, f"http://{host}/v2/")
    assert repository.digest("v1") == DIGEST


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
        (("2001:db8::/32",), ("::/0",), {"exposure", "downtime"}),
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
