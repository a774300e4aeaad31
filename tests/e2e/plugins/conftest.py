"""What the tests of the plugins share: a stand-in that runs, in a namespace of its own."""

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.plugins.kubernetes_provider import STAND_IN, Plugin, kubectl, running


@pytest.fixture(scope="module")
def namespace(sandbox: dict[str, str]) -> Iterator[str]:
    name = f"plugin-{uuid.uuid4().hex[:8]}"
    kubectl(sandbox, "create", "namespace", name)
    yield name
    kubectl(sandbox, "delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def plugin(sandbox: dict[str, str], namespace: str) -> Iterator[Plugin]:
    with running(STAND_IN, sandbox) as started:
        started.configure(namespace=namespace)
        yield started
