"""The guide's example: the web application with its Redis from a chart."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.charts.conftest import INSTANCE, PROGRAM, PROJECT, Stack
from tests.e2e.conftest import Ending
from tests.e2e.hits import hits
from tests.e2e.pushing import push

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@pytest.fixture(scope="module")
def application(
    sandbox: dict[str, str], tmp_path_factory: pytest.TempPathFactory, ending: Ending
) -> Iterator[Stack]:
    """The example's stack, deployed."""
    secret = [f"--secret=id=ca,src={CERTIFICATES}"] if CERTIFICATES.exists() else []
    image = push(sandbox, f"{INSTANCE.registry}/charts:application", PROJECT / "app", *secret)
    stack = Stack.create(tmp_path_factory.mktemp("application"), PROGRAM.parent / "application", sandbox)
    shutil.copytree(PROGRAM / "charts", stack.directory / "charts")
    stack.configure(image=image, namespace=stack.namespace)
    stack.pulumi("up", "--yes", "--skip-preview")
    yield stack
    ending(lambda: stack.pulumi("destroy", "--yes", "--skip-preview", "--remove"))


def test_the_application_counts_in_the_cache_of_the_chart(application: Stack) -> None:
    url = application.pulumi("stack", "output", "url").strip()
    first = hits(url)
    assert hits(url) > first


def test_the_application_starts_after_the_chart_is_ready(application: Stack) -> None:
    objects = {
        name: json.loads(application.kubectl("get", "deployment", name, "--output=json"))
        for name in ("cache", "web")
    }
    [ready] = [
        condition
        for condition in objects["cache"]["status"]["conditions"]
        if condition["type"] == "Available"
    ]
    assert objects["web"]["metadata"]["creationTimestamp"] >= ready["lastTransitionTime"]


def test_a_preview_of_the_same_program_has_no_changes(application: Stack) -> None:
    application.pulumi("preview", "--expect-no-changes")
