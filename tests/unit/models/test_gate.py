"""The gate: what it compares before any pod, what it makes of the measurements, and its pod."""

import copy
import json
from typing import Any

import pytest

from slipway.cluster.kubectl import Cluster, Object
from slipway.errors import SlipwayError
from slipway.images.model_card import Card
from slipway.images.model_image import Published
from slipway.images.references import Image
from slipway.models import gate
from slipway.models.gate import Gate, comparing_pod
from slipway.promotion.options import GateOptions
from tests.unit.models.making import card

CHAMPION, CHALLENGER = (Image("r/digits-model", f"sha256:{digit * 64}") for digit in "12")
MEASURED: dict[str, Any] = {
    "held_out": card().held_out.sha256,
    "rows": 600,
    "leaked": 0,
    "outcomes": [[1] * 580 + [0] * 20] * 2,
    "latencies": [0.002, 0.002],
    "sizes": [1000, 1000],
}
WORKLOAD: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "scorer", "namespace": "digits", "uid": "1"},
    "spec": {
        "template": {
            "metadata": {"labels": {"app.kubernetes.io/name": "scorer"}},
            "spec": {
                "initContainers": [
                    {"name": "program", "image": "server", "command": ["cp", "/b", "/s/b"]},
                    {
                        "name": "model",
                        "image": str(CHAMPION),
                        "command": ["/s/b", "cp", "-r", "/model", "/s"],
                    },
                ],
                "containers": [
                    {
                        "name": "scorer",
                        "image": "server",
                        "env": [{"name": "MODEL_DIRECTORY", "value": "/s/model"}],
                        "resources": {"limits": {"cpu": "1", "ephemeral-storage": "1Mi"}},
                        "readinessProbe": {},
                    }
                ],
                "volumes": [{"name": "s", "emptyDir": {"sizeLimit": "1Mi"}}],
            },
        }
    },
}


def run(
    monkeypatch: pytest.MonkeyPatch, measured: dict[str, Any], challenger: Card, champion: Card
) -> list[Any]:
    cards = {CHAMPION: champion, CHALLENGER: challenger}
    monkeypatch.setattr(gate, "read_model", lambda image: Published(cards[image], 1))
    monkeypatch.setattr(Gate, "_measure", lambda self: {**MEASURED, **measured})
    made = Gate(Cluster("nowhere"), WORKLOAD, CHAMPION, CHALLENGER, GateOptions())
    return made.run(lambda text: None)


@pytest.mark.parametrize(
    ("measured", "changes", "failed", "detail"),
    [
        ({}, {}, "", ""),
        (
            {},
            {"inputs": [{"name": "Y", "datatype": "FP32", "shape": [-1, 2]}]},
            "inputs",
            "callers would fail",
        ),
        ({}, {"inputs": [{"name": "X", "datatype": "FP64", "shape": [-1, 2]}]}, "inputs", "X: FP64 of 2"),
        ({}, {"task": "regression"}, "inputs", "the task is regression"),
        ({}, {"held_out": {"sha256": "f" * 64, "rows": 2}}, "held-out rows", "the same rows"),
        ({"error": "Fail: no model"}, {}, "comparison", "Fail: no model"),
        ({"held_out": "0" * 64}, {}, "leak", "not those that its card names"),
        ({"leaked": 3}, {}, "leak", "3 of 600 held-out rows are in the training data"),
        ({"outcomes": [[1] * 600, [0] * 600]}, {}, "quality", "worse by 1.0000"),
        ({"outcomes": [[1] * 29 + [0], [1] * 30], "rows": 30}, {}, "quality", "too few rows"),
        ({"latencies": [0.002, 0.005]}, {}, "latency", "more than 2 times as long"),
        ({"latencies": [0.0001, 0.0009]}, {}, "", ""),
        ({"sizes": [1000, 2001]}, {}, "size", "more than 2 times as many"),
    ],
)
def test_verdicts(
    measured: dict[str, Any],
    changes: dict[str, Any],
    failed: str,
    detail: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if "inputs" in changes:
        sample = {"inputs": {changes["inputs"][0]["name"]: [[1.0, 2.0]]}, "outputs": {"label": [0]}}
        changes = {**changes, "sample": sample}
    results = run(monkeypatch, measured, card(**changes), card())
    assert results[-1].passed is not bool(failed), results[-1]
    assert all(result.passed for result in results[:-1])
    if failed:
        assert failed in results[-1].name
        assert detail in results[-1].detail
    else:
        assert [result.name for result in results] == [
            f"gate: {name}"
            for name in ("inputs and outputs", "held-out rows", "leak", "quality", "latency", "size")
        ]


def test_the_same_model_again_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, {}, card(), card())[-1].passed


def test_the_pod_has_both_models_and_the_limits_of_the_service() -> None:
    pod = comparing_pod(WORKLOAD, CHAMPION, CHALLENGER)["spec"]
    assert [(item["name"], item["image"]) for item in pod["initContainers"]] == [
        ("program", "server"),
        ("model", str(CHAMPION)),
        ("challenger", str(CHALLENGER)),
    ]
    assert pod["initContainers"][2]["command"] == ["/s/b", "cp", "-r", "/model", "/s/challenger"]
    [container] = pod["containers"]
    assert container["command"] == ["python", "/app/evaluate.py", "/s/model", "/s/challenger"]
    assert container["resources"]["limits"] == {"cpu": "1"}
    assert pod["volumes"] == [{"name": "s", "emptyDir": {}}]
    assert WORKLOAD["spec"]["template"]["spec"]["volumes"][0]["emptyDir"] == {"sizeLimit": "1Mi"}


@pytest.mark.parametrize("missing", ["initContainers", "env"])
def test_a_workload_that_serves_otherwise_is_refused(missing: str) -> None:
    other = copy.deepcopy(WORKLOAD)
    spec = other["spec"]["template"]["spec"]
    (spec if missing in spec else spec["containers"][0]).pop(missing)
    with pytest.raises(SlipwayError, match="does not serve its model as ModelService does"):
        comparing_pod(other, CHAMPION, CHALLENGER)


@pytest.mark.parametrize("log", ["", "Traceback\nMemoryError", "null and void"])
def test_a_comparison_that_prints_no_result_fails(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "read_model", lambda image: Published(card(), 1))
    monkeypatch.setattr(Gate, "_wait", lambda self, pod: None)
    monkeypatch.setattr(Cluster, "create", lambda self, manifest: manifest)
    monkeypatch.setattr(Cluster, "kubectl", lambda self, verb, *rest: log if verb == "logs" else "")
    made = Gate(Cluster("nowhere"), WORKLOAD, CHAMPION, CHALLENGER, GateOptions())
    results = made.run(lambda text: None)
    assert (results[-1].name, results[-1].passed) == ("gate: comparison", False)


def test_what_it_prints_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[tuple[str, ...]] = []

    def kubectl(self: Cluster, *words: str) -> str:
        deleted.extend([words] if words[0] == "delete" else [])
        return f"a warning\n{json.dumps(MEASURED)}\n"

    monkeypatch.setattr(gate, "read_model", lambda image: Published(card(), 1))
    monkeypatch.setattr(Gate, "_wait", lambda self, pod: None)
    monkeypatch.setattr(Cluster, "create", lambda self, manifest: manifest)
    monkeypatch.setattr(Cluster, "kubectl", kubectl)
    made = Gate(Cluster("nowhere"), WORKLOAD, CHAMPION, CHALLENGER, GateOptions())
    assert made.run(lambda text: None)[-1].passed
    assert len(deleted) == 1, "the pod is deleted"
