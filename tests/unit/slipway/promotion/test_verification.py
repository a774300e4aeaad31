"""The checks of a version, with a fake cluster."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest

from slipway.cluster import rollout
from slipway.cluster.kubectl import Cluster, Object
from slipway.cluster.objects import StackObject
from slipway.errors import ImageNotFound
from slipway.images import references
from slipway.images.references import Image
from slipway.promotion.options import VerifyOptions
from slipway.promotion.receipts import CheckResult
from slipway.promotion.verification import Target, verify

IMAGE = Image("registry:5000/hits", "sha256:" + "a" * 64, "v2")
OLD = f"registry:5000/hits@sha256:{'b' * 64}"
DEFAULT = VerifyOptions()


def manifest(kind: str, name: str = "web", **content: Any) -> Object:
    metadata = {"name": name, "namespace": "hits", "generation": 1, "labels": {"app": name}}
    return {"kind": kind, "metadata": metadata, **content}


def labels(item: Object) -> dict[str, str]:
    found: dict[str, str] = item["metadata"]["labels"]
    return found


def deployment(name: str = "web", *sidecars: Object) -> Object:
    container = {"name": "web", "image": str(IMAGE)}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [*sidecars, container]}}
    return manifest(
        "Deployment",
        name,
        spec={"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
        status={"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1, "replicas": 1},
    )


def service(name: str = "web") -> Object:
    return manifest("Service", name, spec={"selector": {"app": name}, "ports": [{"port": 80}]})


DEPLOYMENT, SERVICE = deployment(), service()


def pod(image: str = str(IMAGE), restarts: int = 0, name: str = "web") -> Object:
    status = {"name": "web", "imageID": image, "restartCount": restarts}
    spec = {"containers": [{"name": "web", "image": image}]}
    return manifest("Pod", name, spec=spec, status={"phase": "Running", "containerStatuses": [status]})


class FakeCluster:
    """A cluster with workloads, their pods, and perhaps Services that answer with the given codes.

    A Service whose name is in `unreachable` has pods that do not listen.
    """

    def __init__(
        self, *objects: Object, codes: Sequence[int] = (), unreachable: str = "", **headers: str
    ) -> None:
        self.objects = objects
        self.codes = iter(codes)
        self.unreachable = unreachable
        self.headers = headers

    def get(self, *words: str) -> list[Object]:
        if words[0] == "pods":
            selector = dict([words[-1].split("=")])
            return [item for item in self.objects if item["kind"] == "Pod" and labels(item) == selector]
        names = {(word.partition(".")[0], word.rpartition("/")[2]) for word in words if "/" in word}
        return [item for item in self.objects if (item["kind"], item["metadata"]["name"]) in names]

    @contextmanager
    def service(self, namespace: str, name: str, port: int, scheme: str) -> Iterator[httpx.Client]:
        def answer(request: httpx.Request) -> httpx.Response:
            if name == self.unreachable:
                return httpx.Response(503, text="error trying to reach service: connection refused")
            return httpx.Response(next(self.codes, 200), headers=self.headers)

        transport = httpx.MockTransport(answer)
        with httpx.Client(transport=transport, base_url="http://web/") as client:
            yield client


MANIFESTS: dict[str, Any] = {
    IMAGE.digest: {
        "manifests": [
            {"digest": "sha256:" + "1" * 64},
            {"digest": "sha256:" + "2" * 64, "annotations": {"vnd.docker.reference.type": "attestation"}},
        ]
    },
    "sha256:" + "1" * 64: {"config": {"digest": "sha256:" + "c" * 64}},
    "sha256:" + "3" * 64: {"manifests": [{"digest": "sha256:" + "1" * 64}]},
    "sha256:" + "b" * 64: {"config": {"digest": "sha256:" + "d" * 64}},
}


@pytest.fixture(autouse=True)
def _registry_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def manifest(image: Image) -> Any:
        if image.digest not in MANIFESTS:
            raise ImageNotFound(str(image))
        return MANIFESTS[image.digest]

    monkeypatch.setattr(references, "manifest", manifest)
    monkeypatch.setattr(rollout, "SETTLE_S", 0.0)


def verified(cluster: FakeCluster, options: VerifyOptions = DEFAULT) -> list[CheckResult]:
    objects = tuple(
        StackObject("urn", "v1", item["kind"], "hits", item["metadata"]["name"], item)
        for item in cluster.objects
        if item["kind"] != "Pod"
    )
    return verify(Target("prod", cast(Cluster, cluster), objects, IMAGE, lambda text: None), options)


def results(cluster: FakeCluster, options: VerifyOptions = DEFAULT) -> list[tuple[str, bool]]:
    return [(result.name, result.passed) for result in verified(cluster, options)]


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


class TestDigest:
    """The digest that the container runtime reports counts, for the container that runs the image."""

    @pytest.mark.parametrize("digit", ["a", "1", "c", "3"])
    def test_reported_digest(self, digit: str) -> None:
        """The index, the platform's manifest, its configuration, or another index of the same manifest."""
        running = pod()
        running["status"]["containerStatuses"][0]["imageID"] = f"docker://sha256:{digit * 64}"
        assert results(FakeCluster(DEPLOYMENT, running))[-1] == ("digest", True)

    @pytest.mark.parametrize("digit", ["2", "b", "f"])
    def test_other_digest(self, digit: str) -> None:
        """The pod's own spec does not prove what runs; nor does an attestation."""
        running = pod()
        running["status"]["containerStatuses"][0]["imageID"] = f"registry:5000/hits@sha256:{digit * 64}"
        assert results(FakeCluster(DEPLOYMENT, running))[-1] == ("digest", False)

    def test_sidecar(self) -> None:
        """A sidecar's digest does not count, neither for the version nor against it."""
        running = pod(OLD)
        sidecar = {"name": "proxy", "imageID": str(IMAGE), "restartCount": 0}
        running["status"]["containerStatuses"].append(sidecar)
        assert results(FakeCluster(DEPLOYMENT, running))[-1] == ("digest", False)
        running = pod()
        running["status"]["containerStatuses"].append({**sidecar, "imageID": OLD})
        workload = deployment("web", {"name": "proxy", "image": OLD})
        assert results(FakeCluster(workload, running))[-1] == ("digest", True)

    @pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
    def test_ended_pods(self, phase: str) -> None:
        """A pod of the old version that was evicted, drained or finished does not run it."""
        old = pod(OLD)
        old["status"]["phase"] = phase
        assert results(FakeCluster(DEPLOYMENT, pod(), old))[-1] == ("digest", True)

    def test_starting_pod(self) -> None:
        """A pod that an autoscaler has just created counts by its spec."""
        starting = pod()
        starting["status"] = {"phase": "Pending"}
        assert results(FakeCluster(DEPLOYMENT, pod(), starting))[-1] == ("digest", True)

    @pytest.mark.parametrize("names", [("web", "worker"), ("worker", "web")])
    def test_every_workload(self, names: tuple[str, str]) -> None:
        """A worker with old pods fails, in whatever order kubectl lists the workloads."""
        workloads = [deployment(name) for name in names]
        good = [pod(), pod(name="worker")]
        assert results(FakeCluster(*workloads, *good))[-1] == ("digest", True)
        assert results(FakeCluster(*workloads, pod(), pod(OLD, name="worker")))[-1] == ("digest", False)


class TestService:
    """The HTTP check goes to a Service of a workload that serves."""

    @pytest.mark.parametrize("names", [("web", "worker"), ("worker", "web")])
    def test_worker_without_a_service(self, names: tuple[str, str]) -> None:
        """It does not hide a broken page."""
        objects = [*map(deployment, names), SERVICE, pod(), pod(name="worker")]
        assert results(FakeCluster(*objects))[-1] == ("http", True)
        assert results(FakeCluster(*objects, codes=[500]))[-1] == ("http", False)

    @pytest.mark.parametrize("names", [("web", "worker"), ("worker", "web")])
    def test_worker_with_a_service(self, names: tuple[str, str]) -> None:
        """A Service whose pods do not listen is not the page."""
        objects = [*map(deployment, names), *map(service, names), pod(), pod(name="worker")]
        assert results(FakeCluster(*objects, unreachable="worker"))[-1] == ("http", True)
        broken = FakeCluster(*objects, unreachable="worker", codes=[500] * 2)
        assert results(broken)[-1] == ("http", False)

    @pytest.mark.parametrize("names", [("web", "other"), ("other", "web")])
    @pytest.mark.parametrize("ports", [[{"port": 9100}], [{"port": 80, "protocol": "UDP"}], []])
    def test_service_for_something_else(self, ports: list[Object], names: tuple[str, str]) -> None:
        """Another Service of the same pods, or a headless one without ports, does not take the check."""
        spec = {"selector": {"app": "web"}, **({"ports": ports} if ports else {"clusterIP": "None"})}
        services = {"web": SERVICE, "other": manifest("Service", "other", spec=spec)}
        objects = [DEPLOYMENT, *(services[name] for name in names), pod()]
        last = verified(FakeCluster(*objects, codes=[500] * 2))[-1]
        assert last.detail == "/ answers 500, through the Service web"

    def test_service_without_ports(self) -> None:
        """It cannot be asked, and a requested check fails."""
        spec = {"selector": {"app": "web"}, "clusterIP": "None"}
        cluster = FakeCluster(DEPLOYMENT, manifest("Service", "web", spec=spec), pod())
        assert results(cluster)[-1] == ("digest", True)
        for options in (VerifyOptions(soak_s=1), VerifyOptions(service="web")):
            assert results(cluster, options)[-1] == ("http", False)


def test_a_check_that_ends_with_an_error() -> None:
    """It has failed, whatever the error is: then the version is rolled back."""

    class Broken(FakeCluster):
        @contextmanager
        def service(self, *_: Any) -> Iterator[httpx.Client]:
            raise ValueError("I/O operation on closed file")
            yield

    last = verified(Broken(DEPLOYMENT, SERVICE, pod()))[-1]
    assert (last.name, last.passed) == ("http", False) and "closed file" in last.detail


def http(options: VerifyOptions, codes: Sequence[int], **headers: str) -> tuple[bool, str]:
    result = verified(FakeCluster(DEPLOYMENT, SERVICE, pod(), codes=codes, **headers), options)[2]
    return result.passed, result.detail


def test_redirect() -> None:
    """A redirect is not an answer, unless its status is requested; the report has its target."""
    target = "https://example.com/"
    assert http(DEFAULT, [301], Location=target) == (
        False,
        f"/ redirects (301) to {target}, through the Service web",
    )
    assert http(VerifyOptions(status=301), [301], Location=target) == (True, "/ answers 301")


def test_status() -> None:
    assert http(VerifyOptions(path="/login", status=401), [401]) == (True, "/login answers 401")
    passed, detail = http(VerifyOptions(status=401), [200])
    assert not passed and "/ answers 200, not 401" in detail
    assert http(DEFAULT, [204]) == (True, "/ answers 200 to 299")
