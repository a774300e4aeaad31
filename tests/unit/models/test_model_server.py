"""The server of models, without ONNX Runtime: the protocol, and what it refuses."""

import importlib
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.unit.models.conftest import SERVER
from tests.unit.models.making import DIGEST, document

pytestmark = pytest.mark.usefixtures("model_server")
INPUT = {"name": "X", "datatype": "FP32", "shape": [1, 2], "data": [1.0, 2.0]}
INFER = "/v2/models/scorer/infer"


class Session:
    """A model whose label is whether the sum of a row is above 5; it has no answer to a row of zeros."""

    def __init__(self, answer: int | None = None, inputs: tuple[str, ...] = ("X",)) -> None:
        self.answer, self.inputs = answer, inputs

    def run(self, outputs: list[str], tensors: dict[str, Any]) -> list[Any]:
        assert outputs == ["label"]
        if not tensors["X"].any():
            raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : Unknown Category")
        labels = (tensors["X"].sum(axis=1) > 5).astype(np.int64)
        return [labels if self.answer is None else np.full_like(labels, self.answer)]

    def get_inputs(self) -> list[Any]:
        return [SimpleNamespace(name=name, type="tensor(float)") for name in self.inputs]

    def get_outputs(self) -> list[Any]:
        return [SimpleNamespace(name="label", type="tensor(int64)")]


class Client:
    """Asks a server without a network."""

    def __init__(self, session: Session, page: bytes | None = None) -> None:
        model = importlib.import_module("model").Model(document(), session)
        self.server = importlib.import_module("server").Server(model, "scorer", DIGEST, page)
        self.headers: dict[str, str] = {}

    def ask(
        self, path: str, body: Any = None, method: str = "", length: int | None = None
    ) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        environ = {
            "REQUEST_METHOD": method or ("GET" if body is None else "POST"),
            "PATH_INFO": path,
            "CONTENT_LENGTH": str(len(content) if length is None else length),
            "wsgi.input": io.BytesIO(content),
        }
        statuses: list[int] = []

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            statuses.append(int(status.split()[0]))
            self.headers = dict(headers)

        text = b"".join(self.server(environ, start)).decode()
        is_json = self.headers["Content-Type"] == "application/json"
        return statuses[0], json.loads(text) if is_json else text


def test_an_inference() -> None:
    client = Client(Session())
    request = {"id": "7", "inputs": [{**INPUT, "shape": [2, 2], "data": [[1, 2], [3, 4]]}]}
    status, answer = client.ask(INFER, request)
    assert (status, answer) == (
        200,
        {
            "model_name": "scorer",
            "model_version": "a" * 12,
            "id": "7",
            "outputs": [{"name": "label", "datatype": "INT64", "shape": [2], "data": [0, 1]}],
        },
    )
    assert (client.headers["X-Model-Version"], client.headers["X-Model-Digest"]) == ("a" * 12, DIGEST)


def test_the_other_paths_of_the_protocol() -> None:
    client = Client(Session(), b"<!doctype html>")
    assert client.ask("/v2/health/live") == (200, {"live": True})
    assert client.ask("/v2/health/ready")[0] == 200
    assert client.ask("/v2/models/scorer/ready") == (200, {"name": "scorer", "ready": True})
    assert client.ask(f"/v2/models/scorer/versions/{'a' * 12}/ready")[0] == 200
    assert client.ask("/v2")[1]["name"] == "slipway-model-server"
    assert client.ask("/v2/models/scorer")[1]["inputs"] == document()["inputs"]
    assert client.ask("/") == (200, "<!doctype html>")


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"name": "Y"}, "the inputs are ['Y'], but must be ['X']"),
        ({"datatype": "FP64"}, "must be FP32"),
        ({"datatype": None}, "must be FP32"),
        ({"shape": [2]}, "must have [-1, 2]"),
        ({"shape": [1, 3]}, "must have [-1, 2]"),
        ({"shape": [0, 2], "data": []}, "must have [-1, 2]"),
        ({"shape": [True, 2]}, "must have [-1, 2]"),
        ({"shape": "1,2"}, "has no shape"),
        ({"shape": [2, 2]}, "not FP32 of shape [2, 2]"),
        ({"data": ["1", "2"]}, "are not FP32"),
        ({"data": [True, False]}, "are not FP32"),
        ({"data": [[1], [2, 3]]}, "are not FP32"),
        ({"data": [1, None]}, "are not FP32"),
        ({"data": {"a": 1}}, "are not FP32"),
        ({"data": None}, "are not FP32"),
    ],
    ids=str,
)
def test_a_bad_input(item: dict[str, Any], problem: str) -> None:
    status, answer = Client(Session()).ask(INFER, {"inputs": [{**INPUT, **item}]})
    assert status == 400
    assert problem in answer["error"]


@pytest.mark.parametrize(
    ("path", "body", "method", "status"),
    [
        (INFER, b"{", "", 400),
        (INFER, b"[]", "", 400),
        (INFER, b"[" * 100_000, "", 400),
        (INFER, {}, "", 400),
        (INFER, {"inputs": [1]}, "", 400),
        (INFER, {"inputs": [INPUT, INPUT]}, "", 400),
        (INFER, {"inputs": [INPUT], "outputs": [{"name": "probability"}]}, "", 400),
        (INFER, {"inputs": [INPUT], "outputs": "label"}, "", 400),
        (INFER, None, "GET", 405),
        (INFER, None, "DELETE", 405),
        ("/v2/models/other/infer", {"inputs": [INPUT]}, "", 404),
        ("/v2/models/scorer/versions/1/infer", {"inputs": [INPUT]}, "", 404),
        ("/v2/models/scorer/explain", {"inputs": [INPUT]}, "", 404),
        ("/v2/repository/index", {}, "", 404),
        ("/", None, "", 404),
        ("/v2/health/live", {}, "", 405),
    ],
)
def test_a_bad_request(path: str, body: Any, method: str, status: int) -> None:
    assert Client(Session()).ask(path, body, method)[0] == status


def test_a_request_that_is_too_large() -> None:
    assert Client(Session()).ask(INFER, b"{}", length=2**30)[0] == 413


def test_a_model_that_answers_the_sample_wrongly_is_alive_and_not_ready() -> None:
    client = Client(Session(answer=4))
    assert client.ask("/v2/health/live")[0] == 200
    status, answer = client.ask("/v2/health/ready")
    assert (status, answer["error"]) == (
        503,
        "the answer to the sample row is label [4], but the card has [0]",
    )
    assert client.ask(INFER, {"inputs": [INPUT]})[0] == 503, "also if a proxy asks before it knows"


@pytest.mark.parametrize("inputs", [(), ("pixels",), ("X", "more")])
def test_a_model_with_other_inputs_than_its_card_does_not_start(inputs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="the card"):
        Client(Session(inputs=inputs))


def test_metrics_name_the_version() -> None:
    client = Client(Session())
    client.ask(INFER, {"inputs": [INPUT]})
    client.ask(INFER, {})
    labels = f'model="scorer",version="{"a" * 12}"'
    lines = str(client.ask("/metrics")[1]).splitlines()
    assert f'model_info{{{labels},digest="{DIGEST}"}} 1' in lines
    assert f'model_requests_total{{{labels},code="200"}} 1' in lines
    assert f'model_requests_total{{{labels},code="400"}} 1' in lines
    assert f"model_request_seconds_count{{{labels}}} 2" in lines


def test_a_request_that_crashes_the_model_is_answered_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = Client(Session())
    status, answer = client.ask(INFER, {"inputs": [{**INPUT, "data": [0, 0]}]})
    assert (status, answer) == (500, {"error": "the request failed; the log of the server has the reason"})
    assert client.headers["X-Model-Digest"] == DIGEST
    assert 'code="500"} 1' in client.ask("/metrics")[1]
    assert "RuntimeError: [ONNXRuntimeError]" in capsys.readouterr().err


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_not_sent_as_broken_json(
    number: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(Session())
    assert client.ask("/v2/health/ready")[0] == 200
    monkeypatch.setattr(Session, "run", lambda *_: [np.array([number], dtype=np.float32)])
    status, answer = client.ask(INFER, {"inputs": [INPUT]})
    assert status == 500
    assert "no number, or an infinite one, in the output label" in answer["error"]
    metrics = client.ask("/metrics")[1]
    assert 'code="500"} 1' in metrics
    assert "model_predictions_total{" not in metrics


def test_no_pickle_is_ever_loaded() -> None:
    """Neither by its own code, nor through numpy, joblib or torch."""
    source = "\n".join(file.read_text() for file in SERVER.glob("*.py"))
    for word in ("import pickle", "joblib", "torch", "np.load", "allow_pickle", "eval(", "exec("):
        assert word not in source


def test_rows_are_hashed_as_the_example_hashes_them() -> None:
    evaluate = importlib.import_module("evaluate")
    rows = np.asarray([[1.0, 2.0], [3.0, 4.0]], dtype=np.float32)
    hashes = evaluate.row_hashes([("X", rows)])
    assert hashes[0] != hashes[1]
    assert evaluate.row_hashes([("X", rows[1:])]) == hashes[1:]


def test_held_out_answers_that_are_no_numbers_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every model would have errors of NaN, and the challenger would be blamed for them."""
    evaluate = importlib.import_module("evaluate")
    model = importlib.import_module("model").Model(document(task="regression"), Session())
    monkeypatch.setattr(evaluate.Model, "load", lambda directory: model)
    (tmp_path / "held-out.json").write_text('{"inputs": {"X": [[1, 2], [3, 4]]}, "answers": [0.5, NaN]}')
    with pytest.raises(ValueError, match=r"held-out\.json has answers that are no finite numbers"):
        evaluate.compare([tmp_path, tmp_path])
