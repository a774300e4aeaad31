"""The checks of a version, with a fake cluster."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest

from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject
from slipway.images.references import Image
from slipway.promotion import verification
from slipway.promotion.verification import Target, VerifyOptions, verify

IMAGE = Image("registry:5000/hits", "sha256:" + "a" * 64, "v2")
OLD = f"registry:5000/hits@sha256:{'b' * 64}"
LABELS = {"app": "web"}
DEFAULT = VerifyOptions()


def manifest(kind: str, **content: Any) -> Object:
    return {"kind": kind, "metadata": {"name": "web", "namespace": "hits", "generation": 1}, **content}


DEPLOYMENT = manifest(
    "Deployment",
    spec={
        "replicas": 1,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "web", "image": str(IMAGE)}]},
        },
    },
    status={"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1},
)
SERVICE = manifest("Service", spec={"selector": LABELS, "ports": [{"port": 80}]})


def pod(image: str = str(IMAGE), restarts: int = 0) -> Object:
    status = {"imageID": image, "restartCount": restarts}
    return manifest("Pod", spec={"containers": [{"image": image}]}, status={"containerStatuses": [status]})


class FakeCluster:
    """A cluster with a Deployment, its pods, and perhaps a Service that answers with the given codes."""

    def __init__(self, *objects: Object, codes: Sequence[int] = ()) -> None:
        self.objects = objects
        self.codes = iter(codes)

    def get(self, *words: str) -> list[Object]:
        kinds = {"Pod" if word == "pods" else word.partition(".")[0] for word in words}
        return [item for item in self.objects if item["kind"] in kinds]

    @contextmanager
    def service(self, namespace: str, name: str, port: int) -> Iterator[httpx.Client]:
        transport = httpx.MockTransport(lambda request: httpx.Response(next(self.codes, 200)))
        with httpx.Client(transport=transport, base_url="http://web/") as client:
            yield client


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "SETTLE_S", 0.0)


def results(cluster: FakeCluster, options: VerifyOptions = DEFAULT) -> list[tuple[str, bool]]:
    objects = tuple(
        StackObject(f"urn::{item['kind']}", "v1", item["kind"], "hits", "web", item)
        for item in cluster.objects
        if item["kind"] != "Pod"
    )
    target = Target("prod", cast(Cluster, cluster), objects, IMAGE, lambda text: None)
    return [(result.name, result.passed) for result in verify(target, options)]


def test_every_check_has_its_name_in_the_receipt() -> None:
    options = VerifyOptions(soak_s=0.02, rate=100, command=f"{sys.executable} -c pass")
    passed = results(FakeCluster(DEPLOYMENT, SERVICE, pod()), options)
    assert passed == [(name, True) for name in ("rollout", "digest", "http", "soak", "command")]


def test_a_failed_check_is_the_last() -> None:
    assert results(FakeCluster(DEPLOYMENT, SERVICE, pod(OLD))) == [("rollout", True), ("digest", False)]


def test_http_fails_under_its_own_name() -> None:
    """Both for an answer, and for a Service that does not exist."""
    bad = FakeCluster(DEPLOYMENT, SERVICE, pod(), codes=[500])
    assert results(bad)[-1] == ("http", False)
    missing = VerifyOptions(service="nowhere")
    assert results(FakeCluster(DEPLOYMENT, SERVICE, pod()), missing)[-1] == ("http", False)


def test_http_is_skipped_without_a_service() -> None:
    assert results(FakeCluster(DEPLOYMENT, pod())) == [("rollout", True), ("digest", True)]


@pytest.mark.parametrize("options", [VerifyOptions(soak_s=600), VerifyOptions(path="/healthz")])
def test_requested_check_without_a_service_fails(options: VerifyOptions) -> None:
    """A receipt does not record a soak or a path that was not checked."""
    assert results(FakeCluster(DEPLOYMENT, pod()), options)[-1] == ("http", False)


@pytest.mark.parametrize(("max_errors", "passed"), [(0.0, False), (0.5, True)])
def test_a_soak_allows_its_share_of_errors(max_errors: float, passed: bool) -> None:
    cluster = FakeCluster(DEPLOYMENT, SERVICE, pod(), codes=[200, 500])
    options = VerifyOptions(soak_s=0.04, rate=100, max_errors=max_errors)
    assert results(cluster, options)[-1] == ("soak", passed)


@pytest.mark.parametrize(
    "command", ["false", "no-such-program", f"{sys.executable} -c 'import time; time.sleep(9)'"]
)
def test_a_command_that_fails_is_missing_or_hangs(command: str) -> None:
    options = VerifyOptions(command=command, command_timeout_s=0.5)
    assert results(FakeCluster(DEPLOYMENT, SERVICE, pod()), options)[-1] == ("command", False)


def test_a_command_gets_the_version_in_its_environment() -> None:
    script = f"import os; assert os.environ['IMAGE'] == '{IMAGE}' and os.environ['STACK'] == 'prod'"
    options = VerifyOptions(command=f'{sys.executable} -c "{script}"')
    assert results(FakeCluster(DEPLOYMENT, SERVICE, pod()), options)[-1] == ("command", True)
