"""A namespace for the tests that create objects with kubectl."""

import uuid
from collections.abc import Iterator

import pytest

from tests.e2e.plugins.pulumi_project import kubectl


@pytest.fixture(scope="module")
def namespace(sandbox: dict[str, str]) -> Iterator[str]:
    name = f"plugin-{uuid.uuid4().hex[:8]}"
    kubectl(sandbox, "create", "namespace", name)
    yield name
    kubectl(sandbox, "delete", "namespace", name, "--wait=false")
