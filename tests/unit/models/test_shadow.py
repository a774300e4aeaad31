"""A shadow gets copies of requests: callers never wait for it, and never get its answers."""

import importlib
import io
import json
import threading
import time
from typing import Any
from urllib.request import urlopen

import pytest

from components import Canary, ModelService
from components.kubernetes import model_reference
from slipway.images.model_card import CANARY as LABEL
from slipway.images.model_image import Published
from slipway.models.watch import Answers
from tests.unit.conftest import Run
from tests.unit.models.making import DIGEST, card, document
from tests.unit.models.test_model_server import INFER, INPUT, Session

NEW = f"r/m@sha256:{'c' * 64}"
pytestmark = pytest.mark.usefixtures("model_server")


def test_a_shadow_is_a_service_of_its_own_that_only_the_champion_calls(
    engine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_reference, "read_model", lambda image, client: Published(card(), 1))
    arguments: dict[str, Any] = {"namespace": "n", "model": f"r/m@{DIGEST}", "server": "s@sha256:1"}
    canary = Canary(model=NEW, share=0)
    recorder = engine(lambda: ModelService("scorer", **arguments, canary=canary) and None)
    named = {item.inputs["metadata"]["name"]: item.inputs for item in recorder.of("Deployment")}
    assert set(named) == {"scorer", "scorer-shadow"}
    assert named["scorer-shadow"]["spec"]["replicas"] == 1
    labels = {name: item["spec"]["template"]["metadata"]["labels"] for name, item in named.items()}
    selectors = {
        item.inputs["metadata"]["name"]: item.inputs["spec"]["selector"] for item in recorder.of("Service")
    }
    assert not labels["scorer-shadow"].items() >= selectors["scorer"].items()
    assert [LABEL in labels[name] for name in ("scorer", "scorer-shadow")] == [False, True]
    [container] = named["scorer"]["spec"]["template"]["spec"]["containers"]
    url = "http://scorer-shadow/v2/models/scorer-shadow/infer"
    assert {"name": "SHADOW", "value": url} in container["env"]
    [policy] = [item.inputs for item in recorder.of("NetworkPolicy") if item.name == "scorer"]
    assert policy["spec"]["egress"][-1]["to"] == [
        {"podSelector": {"matchLabels": selectors["scorer-shadow"]}}
    ]


class Other:
    """Another server, by what it answers; the answers wait until they are allowed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Any, waits: bool = False) -> None:
        self.requests: list[bytes] = []
        self.allowed = threading.Event()
        if not waits:
            self.allowed.set()

        def send(url: str, body: bytes, timeout: float) -> io.BytesIO:
            self.requests.append(body)
            assert self.allowed.wait(10)
            return io.BytesIO(json.dumps({"outputs": [{"data": answer}]}).encode())

        monkeypatch.setattr(urlopen.__module__ + ".urlopen", send)


def shadowed(text: str) -> str:
    return Answers.parse(text).agreement


@pytest.mark.parametrize(
    ("other", "agreement"),
    [
        ([1, 2, 3], "1.0000: 3 of 3 answers are the champion's; 0 copies failed"),
        ([1, 9, 3], "0.6667: 2 of 3"),
        ([1.00001, 2, 3], "1.0000: 3 of 3"),
        ([], "0.0000: 0 of 3"),
        (None, "unknown: 0 of 0 answers are the champion's; 1 copies failed"),
    ],
)
def test_answers_are_compared(other: Any, agreement: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Other(monkeypatch, other)
    metrics = importlib.import_module("metrics").Metrics("m", "1", DIGEST)
    shadow = importlib.import_module("shadow").Shadow("http://other", metrics)
    answer = [1.0, 2, 3] if other and isinstance(other[0], float) else [1, 2, 3]
    shadow.compare(b"request", answer)
    assert shadowed(metrics.text()).startswith(agreement)


def test_no_answer_of_a_shadow_ends_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(url: str, body: bytes, timeout: float) -> io.BytesIO:
        return io.BytesIO(b"[" * 100_000)

    monkeypatch.setattr(urlopen.__module__ + ".urlopen", deep)
    metrics = importlib.import_module("metrics").Metrics("m", "1", DIGEST)
    importlib.import_module("shadow").Shadow("http://other", metrics).compare(b"request", [1])
    assert "1 copies failed" in shadowed(metrics.text())


def test_callers_do_not_wait_for_a_shadow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shadow that answers nothing: requests are answered, and those that cannot wait are left out."""
    other = Other(monkeypatch, [0], waits=True)
    module = importlib.import_module("shadow")
    model = importlib.import_module("model").Model(document(), Session())
    server = importlib.import_module("server").Server(model, "scorer", DIGEST, None, "http://other")
    body = json.dumps({"inputs": [INPUT]}).encode()
    begun = time.monotonic()
    statuses = [ask(server, body) for _ in range(module.WAITING + 10)]
    assert time.monotonic() - begun < 5
    assert statuses == ["200 OK"] * (module.WAITING + 10)
    assert other.requests in ([], [body])
    left_out = int(shadowed(server._metrics.text()).split(", ")[1].split()[0])
    assert 9 <= left_out <= 10
    other.allowed.set()
    while len(other.requests) < module.WAITING + 10 - left_out:
        assert time.monotonic() - begun < 10
        time.sleep(0.01)


def test_bad_requests_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    other = Other(monkeypatch, [0])
    model = importlib.import_module("model").Model(document(), Session())
    server = importlib.import_module("server").Server(model, "scorer", DIGEST, None, "http://other")
    assert ask(server, b"{}").startswith("400")
    time.sleep(0.05)
    assert other.requests == []


def test_large_requests_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    Other(monkeypatch, [0])
    metrics = importlib.import_module("metrics").Metrics("m", "1", DIGEST)
    module = importlib.import_module("shadow")
    module.Shadow("http://other", metrics).copy(b"x" * (module.MAX_BYTES + 1), [0])
    assert shadowed(metrics.text()).endswith("1 requests were not copied")


def ask(server: Any, body: bytes) -> str:
    """Return the status of the answer to a request for an inference."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": INFER,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    statuses: list[str] = []
    server(environ, lambda status, headers: statuses.append(status))
    return statuses[0]
