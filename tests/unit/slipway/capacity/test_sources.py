"""Usage from Prometheus, and from the file of samples."""

import json
import math
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from slipway.capacity import sampling
from slipway.capacity.prometheus import Prometheus, step_s
from slipway.capacity.usage import Sample, Throttling, clean, owner_of
from slipway.cli.capacity.options import _metric
from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError

LABELS = {"pod": "web-7d9f-abcde", "container": "web"}
WORKLOADS = {"web": "Deployment", "cache": "StatefulSet"}


def serve(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> list[dict[str, str]]:
    """Let queries that contain a word get an answer; return the queries."""
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        query = dict(httpx.QueryParams(request.content.decode()))
        asked.append(query)
        word = next((word for word in answers if word in query["query"]), "")
        result = answers.get(word, [])
        if isinstance(result, httpx.Response):
            return result
        return httpx.Response(200, json={"status": "success", "data": {"result": result}})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr("slipway.capacity.prometheus.httpx.Client", lambda **_: client)
    return asked


def test_series_become_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(
        monkeypatch,
        {
            "cpu_usage": [{"metric": LABELS, "values": [[300, "0.25"], [600, "NaN"]]}],
            "working_set": [{"metric": LABELS, "values": [[300, "1e8"]]}],
            "throttled": [{"metric": LABELS, "values": [[300, "5"], [600, "NaN"]]}],
            "cfs_periods": [{"metric": LABELS, "values": [[300, "100"]]}],
            "oom_events": [{"metric": LABELS, "values": [[300, "1.0"]]}],
            "spec_cpu_quota": [{"metric": LABELS, "values": [[300, "0.5"]]}],
            "spec_memory_limit": [{"metric": LABELS, "values": [[300, "2e8"]]}],
        },
    )
    [usage] = Prometheus("http://prometheus/").usages("hits", WORKLOADS, 0, 600)
    assert (usage.workload, usage.container) == ("web", "web")
    assert (usage.throttled, usage.kills) == (0.05, {2e8: 1})
    assert usage.throttling == (Throttling(0.5, 100, 5, 60),)
    assert set(clean(usage, 1000).samples) == {Sample(300, LABELS["pod"], 0.25, 1e8)}
    assert all('namespace="hits"' in query["query"] for query in asked)


def test_throttling_and_kills_have_the_limit_of_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update gave new pods higher limits, and the last kill has none at its time."""
    new = {"pod": "web-8e0a-fghij", "container": "web"}
    serve(
        monkeypatch,
        {
            "cpu_usage": [{"metric": labels, "values": [[60, "0.25"]]} for labels in (LABELS, new)],
            "throttled": [
                {"metric": LABELS, "values": [[60, "20"], [120, "30"]]},
                {"metric": new, "values": [[180, "1"], [240, "NaN"]]},
            ],
            "cfs_periods": [
                {"metric": LABELS, "values": [[60, "100"], [120, "100"]]},
                {"metric": new, "values": [[180, "100"], [240, "100"], [300, "100"]]},
            ],
            "oom_events": [
                {"metric": LABELS, "values": [[60, "1.1"], [120, "NaN"], [180, "0.9"]]},
                {"metric": new, "values": [[240, "0"]]},
            ],
            "spec_cpu_quota": [
                {"metric": LABELS, "values": [[60, "0.5"], [120, "0.5"]]},
                {"metric": new, "values": [[180, "0.75"], [240, "0.75"]]},
            ],
            "spec_memory_limit": [
                {"metric": LABELS, "values": [[60, "2e8"], [120, "2e8"]]},
                {"metric": new, "values": [[180, "3e8"]]},
            ],
        },
    )
    [usage] = Prometheus("http://prometheus/").usages("hits", WORKLOADS, 0, 600)
    assert usage.kills == {2e8: 2}
    assert set(usage.throttling) == {
        Throttling(0.5, 200, 50, 120), Throttling(0.75, 100, 1, 60), Throttling(None, 100, 0, 60)
    }  # fmt: skip
    assert usage.throttled_by_limit(120) == {0.5: 0.25}
    assert usage.throttled_by_limit(60) == {0.5: 0.25, 0.75: 0.01}


def test_a_long_history_is_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serve(monkeypatch, {})
    assert Prometheus("http://prometheus").usages("hits", WORKLOADS, 0, 7_500_000) == []
    spans = [(float(query["start"]), float(query["end"])) for query in asked if "cpu_usage" in query["query"]]
    assert spans == [(0, 2_999_700), (3_000_000, 5_999_700), (6_000_000, 7_500_000)]


@pytest.mark.parametrize(("span", "step"), [(600, 60), (14_400, 144), (86_400, 300), (1_209_600, 300)])
def test_a_short_history_has_enough_points(span: float, step: int) -> None:
    assert step_s(span) == step


def test_requests_are_those_of_all_pods_together(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"pod": "web-7d9f-fghij"}
    asked = serve(
        monkeypatch,
        {
            "cpu_usage": [{"metric": LABELS, "values": [[60, "0.25"]]}],
            "shop_requests_total": [
                {"metric": {"pod": LABELS["pod"]}, "values": [[60, "2"], [120, "5"], [180, "NaN"]]},
                {"metric": other, "values": [[60, "4"], [120, "3"], [180, "7"]]},
                {"metric": {"pod": "another-1"}, "values": [[60, "100"]]},
            ],
        },
    )
    [usage] = Prometheus("http://prometheus", "shop_requests_total").usages("hits", WORKLOADS, 0, 600)
    assert usage.requests == 8
    assert 'rate(shop_requests_total{namespace="hits"}[60s])' in asked[-1]["query"]


def test_without_requests_they_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {"cpu_usage": [{"metric": LABELS, "values": [[60, "0.25"]]}]})
    [usage] = Prometheus("http://prometheus").usages("hits", WORKLOADS, 0, 600)
    assert usage.requests is None


def test_a_name_that_is_no_metric_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match=r"'a\{b\}' is not the name of a metric"):
        _metric("a{b}")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            httpx.Response(400, json={"status": "error", "error": "bad_data: no"}),
            "refuses a query: bad_data: no",
        ),
        (httpx.Response(200, text="<html>"), "does not answer like Prometheus"),
        (httpx.Response(200, json=[]), "does not answer like Prometheus"),
        (httpx.Response(200, json={"status": "success"}), "does not answer like Prometheus"),
    ],
)
def test_another_server_is_refused(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, message: str
) -> None:
    serve(monkeypatch, {"cpu_usage": answer})
    with pytest.raises(SlipwayError, match=message):
        Prometheus("http://prometheus").usages("hits", WORKLOADS, 0, 600)


@pytest.mark.parametrize(
    ("pod", "owner"),
    [
        ("web-7d9f8c-abcde", "web"),
        ("web-api-7d9f8c-abcde", "web-api"),
        ("cache-0", "cache"),
        ("web-migrate-x1y2z", None),
        ("cache-0-abcde", None),
    ],
)
def test_a_pod_belongs_to_the_workload_in_its_name(pod: str, owner: str | None) -> None:
    workloads = {**WORKLOADS, "web-api": "Deployment"}
    if pod == "web-migrate-x1y2z":
        workloads = {"web-mig": "Deployment"}
    assert owner_of(pod, workloads) == owner


POD = {
    "metadata": {"name": "web-1", "namespace": "hits"},
    "spec": {"containers": [{"name": "web", "resources": {"limits": {"memory": "64Mi"}}}]},
    "status": {
        "containerStatuses": [
            {
                "name": "web",
                "restartCount": 2,
                "lastState": {"terminated": {"reason": "OOMKilled", "finishedAt": "2026-11-26T20:59:00Z"}},
            }
        ]
    },
}
WORKLOAD = {
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "hits"},
    "spec": {"selector": {"matchLabels": {"a": "b"}}},
}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Return a cluster with one pod, whose metrics have the same time twice, then another."""
    times = iter(["2026-11-26T21:00:00Z", "2026-11-26T21:00:00Z", "2026-11-26T21:00:15Z"])

    def kubectl(self: Cluster, *arguments: str, **_: object) -> str:
        assert arguments[:2] == ("get", "--raw")
        usage = {"cpu": "12500000n", "memory": "20480Ki"}
        item = {
            "metadata": {"name": "web-1"},
            "timestamp": next(times),
            "containers": [{"name": "web", "usage": usage}],
        }
        return json.dumps({"items": [item]})

    monkeypatch.setattr(Cluster, "kubectl", kubectl)
    monkeypatch.setattr(Cluster, "get", lambda self, *_: [POD])
    return Cluster("test")


def test_samples_are_appended_once(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("slipway.capacity.sampling.time.monotonic", lambda: sum(waited))
    monkeypatch.setattr("slipway.capacity.sampling.time.sleep", waited.append)
    file = sampling.file_of(tmp_path, "org/hits/dev")
    assert sampling.record(file, cluster, [WORKLOAD], 20, 10) == 2
    assert waited == [10, 10]
    [usage] = sampling.read(file)
    assert [(sample.cpu, sample.memory) for sample in usage.samples] == [(0.0125, 20 * 2**20)] * 2
    assert usage.kills == {64 * 2**20: 1}, "the other restart was another crash"
    assert usage.samples[1].time - usage.samples[0].time == 15


def test_the_present_use_is_summed_by_workload(cluster: Cluster) -> None:
    assert sampling.current_use(cluster, "hits", {"web": "StatefulSet"}) == {"web": (1, 0.0125, 20 * 2**20)}


def test_a_cluster_without_metrics_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Cluster, *_: str, **__: object) -> str:
        raise SlipwayError("the server could not find the requested resource")

    monkeypatch.setattr(Cluster, "kubectl", fail)
    with pytest.raises(SlipwayError, match=r"no metrics API .*: install metrics-server"):
        sampling.pod_metrics(Cluster("test"), "hits")


GOOD = {
    "time": "2026-11-26T21:00:00Z",
    "workload": "web",
    "container": "web",
    "pod": "p",
    "cpu": 1,
    "memory": 2,
}


@pytest.mark.parametrize(
    "line",
    ["not JSON", "[]", "{}", json.dumps({**GOOD, "time": "noon"}), json.dumps({**GOOD, "cpu": "x"})],
)
def test_a_line_that_is_no_sample_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text(f"{json.dumps(GOOD)}\n{line}\n")
    with pytest.raises(SlipwayError, match=r"usage.jsonl, line 2 is not a sample"):
        sampling.read(file)


def test_a_kill_is_counted_once_with_its_limit(tmp_path: Path) -> None:
    """Each sample names the last kill, until there is another, also after the pod has another limit."""
    file = tmp_path / "usage.jsonl"
    kills: list[dict[str, Any]] = [
        {"killed": None, "memory_limit": 64},
        {"killed": "2026-11-26T20:00:00Z", "memory_limit": 64},
        {"killed": "2026-11-26T20:00:00Z", "memory_limit": 96},
        {"killed": "2026-11-26T20:30:00Z", "memory_limit": 96},
        {"pod": "q", "killed": "2026-11-26T20:00:00Z", "memory_limit": 64},
        {"pod": "r", "killed": "2026-11-26T20:00:00Z", "memory_limit": None},
    ]
    file.write_text("".join(json.dumps({**GOOD, **kill}) + "\n" for kill in kills))
    [usage] = sampling.read(file)
    assert usage.kills == {64: 2, 96: 1, None: 1}


def test_files_of_earlier_versions_have_restarts_without_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    lines: list[dict[str, Any]] = [
        {"kills": 0},
        {"kills": 1},
        {"kills": 3},
        {"pod": "q", "kills": 2},
        {"pod": "r", "kills": 0},
    ]
    file.write_text("".join(json.dumps({**GOOD, **line}) + "\n" for line in lines))
    [usage] = sampling.read(file)
    assert usage.kills == {None: 2}


def test_a_null_is_not_a_number(tmp_path: Path) -> None:
    file = tmp_path / "usage.jsonl"
    file.write_text(json.dumps({**GOOD, "cpu": None}) + "\n")
    [usage] = sampling.read(file)
    assert usage.samples[0].cpu is not None and math.isnan(usage.samples[0].cpu)
    assert sampling.read(tmp_path / "missing.jsonl") == []
