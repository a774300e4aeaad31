"""The promises of ModelService on a Docker engine."""

from typing import Any

import pytest

from components import Canary, Exposure, PodSecurity
from components.docker import ModelService
from components.kubernetes import model_service
from components.validation import BadArgument
from slipway.images.model_image import Published, SlipwayError
from tests.unit.components.docker.test_containers import variables
from tests.unit.conftest import Run
from tests.unit.models.making import DIGEST, card
from tests.unit.recorder import Recorder

MODEL = f"ghcr.io/you/digits-model:v1@{DIGEST}"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_service, "read", lambda model, credentials: Published(card(), 123))


def served(engine: Run, **arguments: Any) -> Recorder:
    given = {"namespace": "digits", "model": MODEL, "server": "server", "replicas": 1, **arguments}
    return engine(lambda: ModelService("scorer", **given) and None)


@pytest.mark.usefixtures("published")
class TestModelService:
    def test_the_engine_copies_the_model_out_of_its_image(self, engine: Run) -> None:
        recorder = served(engine)
        assert recorder.one("RemoteImage", "scorer-model")["name"] == f"ghcr.io/you/digits-model@{DIGEST}"
        files = recorder.one("Container", "scorer-model")
        assert (files["start"], files["mustRun"], files["networkMode"]) == (False, False, "none")
        assert files["volumes"] == [{"containerPath": "/model"}]

    def test_the_server_reads_it_and_the_proxy_does_not(self, engine: Run) -> None:
        recorder = served(engine)
        server = recorder.one("Container", "scorer-1")
        [volume] = server["volumes"]
        assert volume["fromContainer"].endswith(":ro")
        found = variables(server)
        assert (found["MODEL_DIRECTORY"], found["MODEL_DIGEST"]) == ("/model", DIGEST)
        assert "volumes" not in recorder.one("Container", "scorer-proxy")

    def test_it_is_ready_when_it_answers_the_sample(self, engine: Run) -> None:
        server = served(engine).one("Container", "scorer-1")
        assert "/v2/health/ready" in server["healthcheck"]["tests"][-1]
        assert server["wait"]

    def test_a_page_needs_a_root_that_can_be_written(self, engine: Run) -> None:
        with pytest.raises(BadArgument, match=r"page=… needs a root that can be written"):
            served(engine, page="<!doctype html>")
        server = served(engine, page="<!doctype html>", security=PodSecurity(read_only_root=False))
        assert server.one("Container", "scorer-1")["uploads"][0]["file"] == "/srv/page.html"

    def test_transform_has_the_last_word(self, engine: Run) -> None:
        def unmount(kind: str, arguments: dict[str, Any]) -> None:
            if kind == "Container":
                arguments.pop("volumes", None)

        assert "volumes" not in served(engine, transform=unmount).one("Container", "scorer-1")

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ({"model": "ghcr.io/you/digits-model:v1"}, "must name one version by digest"),
            ({"expose": Exposure(target_port=5000)}, "expose.target_port is 5000"),
            ({"startup": 0}, "startup is 0"),
            ({"canary": Canary(model=MODEL, share=10)}, "canary needs a cluster"),
        ],
    )
    def test_bad_arguments(self, arguments: dict[str, Any], problem: str, engine: Run) -> None:
        with pytest.raises(BadArgument) as refused:
            served(engine, **arguments)
        assert problem in str(refused.value)


def test_an_image_that_is_not_a_model_is_refused_before_anything(
    engine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: str, credentials: object) -> Published:
        raise SlipwayError("it is not a model")

    monkeypatch.setattr(model_service, "read", refuse)
    with pytest.raises(BadArgument, match="model is refused: it is not a model"):
        served(engine)
