"""The promises of Training and ModelService."""

import json
from typing import Any

import pytest

from components import Exposure, ModelService, Resources, Training
from components.kubernetes import model_reference, model_service, training
from components.kubernetes.pod import Compute
from components.validation import BadArgument
from slipway.images.model_image import Published, SlipwayError
from slipway.models.training import LABEL
from slipway.preview.rules import models as rule
from tests.unit.conftest import Run
from tests.unit.models.making import DIGEST, card
from tests.unit.recorder import Recorder

MODEL = f"ghcr.io/you/digits-model:v1@{DIGEST}"
BASE: dict[str, Any] = {"namespace": "digits"}


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_reference, "read_model", lambda image, client: Published(card(), 123))


def served(engine: Run, **arguments: Any) -> Recorder:
    given = {**BASE, "model": MODEL, "server": "server@sha256:1", **arguments}
    return engine(lambda: ModelService("scorer", **given) and None)


def pod(recorder: Recorder, kind: str = "Deployment") -> dict[str, Any]:
    found: dict[str, Any] = recorder.one(kind)["spec"]["template"]["spec"]
    return found


@pytest.mark.usefixtures("published")
class TestModelService:
    def test_the_model_comes_from_its_own_image_by_digest(self, engine: Run) -> None:
        program, model = pod(served(engine))["initContainers"]
        assert (program["image"], model["image"]) == ("server@sha256:1", MODEL)
        [container] = pod(served(engine))["containers"]
        environment = {item["name"]: item.get("value") for item in container["env"]}
        assert environment["MODEL_DIGEST"] == DIGEST
        assert environment["MODEL_DIRECTORY"] == "/srv/shared/model"
        [mount] = model["volumeMounts"]
        assert {**mount, "readOnly": True} in container["volumeMounts"]

    def test_a_prometheus_finds_its_metrics(self, engine: Run) -> None:
        template = served(engine).one("Deployment")["spec"]["template"]
        asked = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
        assert template["metadata"]["annotations"].items() >= asked.items()

    def test_it_is_ready_when_it_answers_the_sample(self, engine: Run) -> None:
        [container] = pod(served(engine))["containers"]
        paths = {
            probe: container[f"{probe}Probe"]["httpGet"]["path"]
            for probe in ("readiness", "liveness", "startup")
        }
        assert paths == {
            "readiness": "/v2/health/ready",
            "liveness": "/v2/health/live",
            "startup": "/v2/health/live",
        }

    def test_it_has_the_defaults_of_a_web_service(self, engine: Run) -> None:
        recorder = served(engine)
        for kind in ("Service", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount"):
            assert recorder.one(kind)["metadata"]["name"] == "scorer"
        for container in (*pod(recorder)["initContainers"], *pod(recorder)["containers"]):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys()

    @pytest.mark.parametrize(("cpu", "threads"), [("250m", "1"), ("1", "1"), ("1.9", "1"), ("4", "4")])
    def test_one_thread_for_each_cpu(self, cpu: str, threads: str, engine: Run) -> None:
        resources = Resources(requests=Compute(cpu="100m"), limits=Compute(cpu=cpu))
        [container] = pod(served(engine, resources=resources))["containers"]
        assert {"name": "THREADS", "value": threads} in container["env"]

    def test_previews_have_the_card(self, engine: Run) -> None:
        annotations = served(engine).one("Deployment")["metadata"]["annotations"]
        assert json.loads(annotations[rule.CARD])["metrics"] == {"accuracy": 0.9}
        assert annotations[rule.SIZE] == "123"
        assert (model_service.CARD, model_service.SIZE) == (rule.CARD, rule.SIZE)

    def test_transform_has_the_last_word(self, engine: Run) -> None:
        def rename(kind: str, arguments: dict[str, Any]) -> None:
            if kind == "Deployment":
                arguments["spec"]["template"]["spec"]["init_containers"][1]["image"] = "mine"

        assert pod(served(engine, transform=rename))["initContainers"][1]["image"] == "mine"

    def test_a_page(self, engine: Run) -> None:
        recorder = served(engine, page="<!doctype html>")
        assert list(recorder.one("ConfigMap")["data"].values()) == ["<!doctype html>"]
        [container] = pod(recorder)["containers"]
        assert {"name": "PAGE", "value": "/srv/page.html"} in container["env"]

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ({"model": "ghcr.io/you/digits-model:v1"}, "must name one version by digest"),
            ({"model": DIGEST}, "must name one version by digest"),
            ({"model": ""}, "must name one version by digest"),
            ({"model": 3}, "model is 3"),
            ({"server": ""}, "server is ''"),
            ({"replicas": -1}, "replicas"),
            ({"space": "1"}, "space is '1'"),
            ({"startup": 0}, "startup is 0"),
            ({"expose": Exposure(target_port=5000)}, "expose.target_port is 5000"),
            ({"probes": None}, "probes is unknown"),
            ({"credentials": "me:secret"}, "credentials"),
        ],
    )
    def test_bad_arguments(self, arguments: dict[str, Any], problem: str, engine: Run) -> None:
        with pytest.raises(BadArgument) as refused:
            served(engine, **arguments)
        assert problem in str(refused.value)


def test_an_image_that_is_not_a_model_is_refused_before_anything(
    engine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(image: object, client: object) -> Published:
        raise SlipwayError("it is not a model")

    monkeypatch.setattr(model_reference, "read_model", refuse)
    with pytest.raises(BadArgument, match="model is refused: it is not a model"):
        served(engine)


def trained(engine: Run, **arguments: Any) -> Recorder:
    given = {**BASE, "image": "trainer@sha256:1", **arguments}
    return engine(lambda: Training("digits", **given) and None)


def run_of(recorder: Recorder) -> dict[str, Any]:
    found: dict[str, Any] = recorder.one("CronJob")["spec"]["jobTemplate"]["spec"]
    return found


class TestTraining:
    def test_an_update_trains_nothing(self, engine: Run) -> None:
        recorder = trained(engine)
        assert recorder.one("CronJob")["spec"]["suspend"] is True
        assert recorder.of("Job") == []

    def test_slipway_train_finds_it(self, engine: Run) -> None:
        assert LABEL in training.TRAINING
        assert trained(engine).one("CronJob")["metadata"]["labels"].items() >= training.TRAINING.items()

    def test_a_run_is_repeatable_and_ends(self, engine: Run) -> None:
        run = run_of(trained(engine, seed=7, timeout=60))
        assert (run["activeDeadlineSeconds"], run["backoffLimit"]) == (60, 0)
        [train] = run["template"]["spec"]["initContainers"]
        values = {item["name"]: item["value"] for item in train["env"]}
        assert values == {"SEED": "7", "OUTPUT": "/output", "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}

    def test_the_output_waits_in_the_same_pod(self, engine: Run) -> None:
        spec = run_of(trained(engine))["template"]["spec"]
        [train], [output] = spec["initContainers"], spec["containers"]
        assert output["name"] == "output"
        assert output["volumeMounts"] == train["volumeMounts"]
        assert output["securityContext"] == train["securityContext"]

    def test_accelerators(self, engine: Run) -> None:
        spec = run_of(trained(engine, accelerators={"nvidia.com/gpu": 2}))["template"]["spec"]
        assert spec["initContainers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
        assert "nvidia.com/gpu" not in spec["containers"][0]["resources"]["limits"]

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ({"seed": -1}, "seed is -1"),
            ({"seed": "one"}, "seed is 'one'"),
            ({"timeout": 0}, "timeout is 0"),
            ({"space": "many"}, "space is 'many'"),
            ({"accelerators": {"gpu": 1}}, "accelerators"),
            ({"accelerators": {"nvidia.com/gpu": 0}}, "accelerators"),
            ({"image": ""}, "image is ''"),
            ({"schedule": "daily"}, "schedule is 'daily'"),
            ({"schedule": "@daily", "keep": 0}, "keep is 0"),
            ({"model": "ghcr.io/you/digits-model:v1"}, "must name one version by digest"),
        ],
    )
    def test_bad_arguments(self, arguments: dict[str, Any], problem: str, engine: Run) -> None:
        with pytest.raises(BadArgument) as refused:
            trained(engine, **arguments)
        assert problem in str(refused.value)

    @pytest.mark.usefixtures("published")
    def test_a_schedule_begins_runs_that_know_the_data_of_the_model(self, engine: Run) -> None:
        recorder = trained(
            engine, schedule="@daily", time_zone="Europe/Berlin", keep=600, timeout=60, model=MODEL
        )
        spec = recorder.one("CronJob")["spec"]
        assert (spec["suspend"], spec["schedule"], spec["timeZone"]) == (False, "@daily", "Europe/Berlin")
        assert run_of(recorder)["activeDeadlineSeconds"] == 660
        pod = run_of(recorder)["template"]["spec"]
        assert {"name": training.KNOWN, "value": card().data.sha256} in pod["initContainers"][0]["env"]
        assert pod["containers"][0]["command"][-1].endswith("exec sleep 600")

    def test_a_known_model_that_is_not_a_model_is_refused(
        self, engine: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(model: str, credentials: object) -> Published:
            raise SlipwayError("it is not a model")

        monkeypatch.setattr(training, "read", refuse)
        with pytest.raises(BadArgument, match="model is refused: it is not a model"):
            trained(engine, model=MODEL)

    @pytest.mark.usefixtures("published")
    @pytest.mark.parametrize("name", ["SEED", "OUTPUT", training.KNOWN])
    def test_its_own_variables_are_not_given(self, name: str, engine: Run) -> None:
        from components import EnvVar

        with pytest.raises(BadArgument, match=f"env names {name}, which the component sets") as refusal:
            trained(engine, model=MODEL, env=[EnvVar.value(name, "x")])
        assert f"{name} 2 times" not in str(refusal.value)
