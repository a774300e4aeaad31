"""What the metrics of two versions show: errors, durations, and other predictions than the card's."""

import importlib
from collections import Counter
from http import HTTPStatus
from typing import Any

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError
from slipway.images.model_card import Predictions
from slipway.models import watch
from slipway.models.watch import Answers, Watch, needed_predictions, stability_index, verdicts
from slipway.promotion.options import CanaryOptions
from tests.unit.models.making import DIGEST

OPTIONS = CanaryOptions()
EXPECTED = Predictions(classes=("cat", "dog"), counts=(300, 300))
WORKLOAD = {
    "kind": "Deployment",
    "metadata": {"name": "scorer"},
    "spec": {
        "template": {
            "metadata": {},
            "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 8080}]}]},
        }
    },
}


def answers(
    good: int = 400, bad: int = 0, seconds: float = 0.004, bins: tuple[int, ...] = (200, 200)
) -> Answers:
    counts = {("code", "200"): good, ("code", "500"): bad, ("le", "+Inf"): good + bad}
    counts |= {("le", str(bound)): (good + bad) * (bound >= seconds) for bound in (0.001, 0.005, 0.025, 2.5)}
    return Answers(Counter({**counts, **{("bin", str(place)): count for place, count in enumerate(bins)}}))


@pytest.mark.usefixtures("model_server")
def test_the_metrics_of_the_server_can_be_read() -> None:
    metrics = importlib.import_module("metrics").Metrics('sco"rer', "1", DIGEST)
    for status, seconds in ((HTTPStatus.OK, 0.002), (HTTPStatus.OK, 0.004), (HTTPStatus.BAD_REQUEST, 0.2)):
        metrics.count(status, seconds)
    metrics.predicted([0, 1, 1])
    read = Answers.parse(metrics.text())
    assert (read.requests, read.failed, read.predictions) == (3, 1, 3)
    assert read.by_bin(2) == [1, 2]
    assert read.by_bin(1) == [1, 2]
    assert read.by_bin(3) == [1, 2, 0]
    assert 0.0025 < read.quantile(0.66) <= 0.005
    assert 0.1 < read.quantile(0.99) <= 0.25


@pytest.mark.usefixtures("model_server")
@pytest.mark.parametrize(
    ("seconds", "passed"),
    [((0.4, 0.4), True), ((0.4, 4.0), False), ((4.0, 0.4), True), ((4.0, 4.0), True), ((4.0, 90.0), False)],
)
def test_versions_whose_fastest_buckets_are_empty(
    seconds: tuple[float, float], passed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All requests of a version are slow, so the buckets of fast ones stay at zero."""
    pods = Pods(monkeypatch)
    found = []
    for duration in seconds:
        metrics = importlib.import_module("metrics").Metrics("m", "1", DIGEST)
        monkeypatch.setattr(pods, "metrics", lambda path, metrics=metrics: metrics.text())
        pods.requests = {"a": 0}
        watched = Watch(Cluster("nowhere"), WORKLOAD)
        watched.begin()
        for _ in range(100):
            metrics.count(HTTPStatus.OK, duration)
        found.append(watched.answers())
    assert found[0].quantile(0.95) == pytest.approx(seconds[0], rel=0.6)
    assert dict(verdicts(found[0], found[1], OPTIONS, (None, None)))["latency"].passed is passed


@pytest.mark.parametrize(
    ("champion", "challenger", "failed", "detail"),
    [
        (answers(), answers(), "", ""),
        (answers(), answers(bad=10), "errors", "10 of 410 requests failed, and 0 of 400"),
        (answers(bad=40), answers(bad=42), "", ""),
        (answers(), answers(good=20, bad=2, bins=(10, 10)), "", ""),
        (answers(), answers(good=0, bad=3, bins=()), "errors", "3 of 3 requests failed"),
        (answers(), answers(seconds=0.02), "latency", "more than 2 times as long"),
        (answers(good=5), answers(seconds=0.02), "", ""),
        (answers(), answers(bins=(390, 10)), "predictions", "; the limit is 0.25"),
        (answers(), answers(bins=(0, 0, 400)), "predictions", "; the limit is 0.25"),
        (answers(bins=(390, 10)), answers(bins=(390, 10)), "predictions", "of the champion's"),
        (answers(), answers(bins=(230, 170)), "", ""),
    ],
)
def test_what_refuses_a_challenger(champion: Answers, challenger: Answers, failed: str, detail: str) -> None:
    found = dict(verdicts(champion, challenger, OPTIONS, (EXPECTED, EXPECTED)))
    assert list(found) == ["errors", "latency", "predictions"]
    assert [name for name, verdict in found.items() if not verdict.passed] == ([failed] if failed else [])
    if failed:
        assert detail in found[failed].detail


def test_a_card_without_predictions_is_not_compared_and_says_so() -> None:
    verdict = dict(verdicts(answers(), answers(bins=()), OPTIONS, (None, None)))["predictions"]
    assert verdict.passed
    assert "the card of the model has no predictions" in verdict.detail


def test_the_stability_index_is_that_of_the_literature() -> None:
    """Two shares of 0.5 that become 0.6 and 0.4: 0.1 ln 1.2 - 0.1 ln 0.8."""
    assert stability_index([5e6, 5e6], [6e6, 4e6]) == pytest.approx(0.04055, abs=1e-5)
    assert stability_index([10, 20, 30], [10, 20, 30]) == 0


def test_more_bins_need_more_predictions() -> None:
    assert needed_predictions(None) == 0
    assert needed_predictions(EXPECTED) == 40


class Pods:
    """A cluster whose pods answer with metrics."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: dict[str, int | None] = {"a": 5, "b": 7}
        self.restarts = 0
        self.started = {"a": 1.0, "b": 2.0}
        monkeypatch.setattr(watch, "pods_of", lambda *_: list(map(self.pod, self.requests)))
        monkeypatch.setattr(Cluster, "kubectl", lambda _, *words: self.metrics(words[-1]))

    def pod(self, name: str) -> dict[str, Any]:
        statuses = [{"restartCount": self.restarts}]
        return {"metadata": {"name": name, "namespace": "n"}, "status": {"containerStatuses": statuses}}

    def metrics(self, path: str) -> str:
        name = path.removeprefix("/api/v1/namespaces/n/pods/").removesuffix(":8080/proxy/metrics")
        if (count := self.requests[name]) is None:
            raise SlipwayError("no route to host")
        return (
            f"process_start_time_seconds {self.started.get(name, 3.0)}\n"
            f'model_requests_total{{model="m",version="1",code="200"}} {count}\n'
        )


def test_what_pods_answered_before_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new pod counts from zero, and a pod that cannot be reached by what it answered before."""
    pods = Pods(monkeypatch)
    watched = Watch(Cluster("nowhere"), WORKLOAD)
    watched.begin()
    pods.requests |= {"a": 15, "b": 9, "c": 3}
    assert watched.answers().requests == 15
    pods.requests |= {"a": None, "c": 4}
    assert watched.answers().requests == 16
    assert watched.restarted() == []
    pods.restarts = 1
    watched.answers()
    assert watched.restarted() == ["a", "b", "c"]


def test_a_server_that_restarts_in_its_container_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts from zero again; what it answered before still counts."""
    pods = Pods(monkeypatch)
    watched = Watch(Cluster("nowhere"), WORKLOAD)
    watched.begin()
    pods.requests["a"] = 8
    assert watched.answers().requests == 3
    assert watched.restarted() == []
    pods.requests["a"], pods.started["a"] = 2, 9.0
    assert watched.answers().requests == 5
    assert watched.restarted() == ["a"]


def test_a_pod_that_cannot_be_read_at_the_begin_counts_from_when_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pods = Pods(monkeypatch)
    pods.requests["a"] = None
    watched = Watch(Cluster("nowhere"), WORKLOAD)
    watched.begin()
    pods.requests["a"] = 5000
    assert watched.answers().requests == 0
    pods.requests["a"] = 5001
    assert watched.answers().requests == 1


def test_pods_that_all_cannot_be_reached_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pods = Pods(monkeypatch)
    pods.requests = dict.fromkeys(pods.requests)
    with pytest.raises(SlipwayError, match="the metrics of scorer cannot be read: no route to host"):
        Watch(Cluster("nowhere"), WORKLOAD).begin()
