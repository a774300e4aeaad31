"""The promises of Namespace."""

import json

import pulumi
import pytest

from components import Namespace, RegistryCredentials
from tests.unit.conftest import Run


@pytest.mark.parametrize(
    ("repository", "server"),
    [
        ("acme/hits", "https://index.docker.io/v1/"),
        ("ghcr.io/acme/hits", "ghcr.io"),
        ("registry.acme.example:5000/hits", "registry.acme.example:5000"),
    ],
)
def test_one_login_serves_docker_hub_ghcr_and_a_private_registry(
    repository: str, server: str, engine: Run
) -> None:
    login = RegistryCredentials(username="me", password="token")  # noqa: S106 # made up
    recorder = engine(lambda: Namespace("shop", repository=repository, credentials=login) and None)
    secret = recorder.one("Secret")
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    auths = json.loads(secret["stringData"][".dockerconfigjson"])["auths"]
    assert auths == {server: {"username": "me", "password": "token"}}


def test_without_a_login_there_is_no_secret(engine: Run) -> None:
    assert not engine(lambda: Namespace("shop", repository="acme/hits") and None).of("Secret")


def test_a_namespace_that_exists_is_not_made(engine: Run) -> None:
    """A team that is given a namespace may not change the namespace itself."""
    names: list[str] = []
    login = RegistryCredentials(username="me", password="token")  # noqa: S106 # made up

    def program() -> pulumi.Output[None]:
        namespace = Namespace("shop", repository="acme/hits", credentials=login, create=False)
        return namespace.name.apply(names.append)

    recorder = engine(program)
    assert names == ["shop"]
    assert not recorder.of("Namespace")
    assert recorder.one("NetworkPolicy")["metadata"]["namespace"] == "shop"
    assert recorder.one("Secret")["metadata"]["namespace"] == "shop"
