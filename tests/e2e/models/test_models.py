"""Models on a cluster: trained, compared, served, and rolled back while requests are answered."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from slipway.images.model_card import Card
from slipway.images.model_image import read_model
from tests.conftest import SOAK
from tests.e2e import soak
from tests.e2e.models.conftest import MODELS, SOON_S, Digits, Pipeline, push

FIRST_ANSWER_S = 180 if SOAK else 400
"""Machines that run other tests at the same time need longer, mostly to pull 200 MB."""


def test_from_nothing_to_a_prediction(pipeline: Pipeline) -> None:
    """Two images are built, a model is trained, and served."""
    answer, digest = pipeline.dev.predict()
    assert [answer] == list(pipeline.dev.card.sample.outputs.values())
    assert digest == pipeline.dev.model.digest
    assert pipeline.first_answer_s < FIRST_ANSWER_S
    print(f"from nothing to the first prediction: {pipeline.first_answer_s:.0f} s")


def test_the_same_training_is_the_same_model(pipeline: Pipeline) -> None:
    again = pipeline.dev.train()
    assert again["model"] == str(pipeline.dev.model)
    assert again["changed"] is False


@pytest.mark.soak
def test_a_training_is_not_lost_if_the_registry_is_away(pipeline: Pipeline) -> None:
    """The Job keeps its output until the model is in the stack file."""
    dev = pipeline.dev
    dev.succeed("config", "set", "modelRepository", "127.0.0.1:1/digits-model")
    try:
        failed = dev.slipway("train", dev.name)
    finally:
        dev.succeed("config", "set", "modelRepository", MODELS)
    assert failed.returncode == 1, failed.stderr
    job = re.search(r"--job (\S+) to take it", failed.stderr)
    assert job, failed.stderr
    done = dev.slipway("train", dev.name, f"--job={job[1]}", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == str(dev.model)
    left = dev.kubectl("get", "jobs", f"--field-selector=metadata.name={job[1]}", "--output=name")
    assert left == "", "the run is deleted"


def test_the_first_promotion_serves_the_digest(pipeline: Pipeline) -> None:
    assert pipeline.staging.predict()[1] == pipeline.dev.model.digest


def test_the_same_model_again_passes_the_gate(pipeline: Pipeline) -> None:
    code, receipt, text = pipeline.promote()
    assert (code, receipt["outcome"], receipt["setting"]) == (0, "verified", "model"), text
    names = {check["name"] for check in receipt["checks"]}
    assert names >= {
        "gate: leak",
        "gate: quality",
        "gate: latency",
        "gate: size",
        "rollout",
        "digest",
        "http",
    }


def test_too_few_rows_for_the_margin_are_refused_with_their_number(pipeline: Pipeline) -> None:
    code, receipt, text = pipeline.promote("--margin", "0.001")
    assert (code, receipt["outcome"]) == (1, "abandoned")
    assert "too few rows" in text
    assert "it takes 1" in text.replace("\n", " "), text


@pytest.mark.parametrize(
    ("mistake", "check", "reason"),
    [
        pytest.param("shuffled labels", "gate: quality", "worse by 0.", marks=pytest.mark.soak),
        ("held-out rows in the training", "gate: leak", "600 of 600 held-out rows are in the training data"),
    ],
)
def test_a_mistake_in_the_training_is_refused(
    mistake: str, check: str, reason: str, pipeline: Pipeline
) -> None:
    before = pipeline.staging.file.read_text()
    pipeline.retrain(MISTAKE=mistake)
    with pipeline.staging.load() as load:
        code, receipt, text = pipeline.promote()
    assert (code, receipt["outcome"], receipt["checks"][-1]["name"]) == (1, "abandoned", check), text
    assert reason in receipt["checks"][-1]["detail"]
    assert pipeline.staging.file.read_text() == before
    assert (load.failed, load.digests) == ([], {pipeline.staging.model.digest})


def wrong_answer(card: dict[str, Any], files: dict[str, bytes]) -> None:
    [label] = card["sample"]["outputs"]["label"]
    card["sample"]["outputs"]["label"] = [(label + 1) % 10]


def not_a_graph(card: dict[str, Any], files: dict[str, bytes]) -> None:
    files["model.onnx"] = files["model.onnx"][: len(files["model.onnx"]) // 2]


def other_inputs(card: dict[str, Any], files: dict[str, bytes]) -> None:
    card["inputs"][0]["name"] = "pixels"
    card["sample"]["inputs"] = {"pixels": card["sample"]["inputs"]["X"]}


@pytest.mark.parametrize(
    "spoil",
    [wrong_answer, *(pytest.param(spoil, marks=pytest.mark.soak) for spoil in (not_a_graph, other_inputs))],
)
def test_a_bad_model_never_replaces_the_one_before(
    spoil: Callable[[dict[str, Any], dict[str, bytes]], None],
    pipeline: Pipeline,
    served: dict[str, bytes],
) -> None:
    """Also not by `pulumi up`, which asks no gate."""
    staging, files = pipeline.staging, dict(served)
    card = json.loads(files["card.json"])
    spoil(card, files)
    files["card.json"] = json.dumps(card).encode()
    good, bad = staging.model, push(files)
    staging.set_model(bad)
    staging.succeed("config", "set", "timeout", SOON_S)
    with staging.load() as load:
        failed = staging.run("up", "--yes", "--skip-preview")
        assert failed.returncode != 0, failed.stdout
        staging.set_model(good)
        staging.succeed("config", "rm", "timeout")
        staging.up()
    assert load.failed == []
    assert load.digests == {good.digest}
    assert load.answered > 20


def test_an_image_that_is_not_a_model_is_refused_before_the_rollout(pipeline: Pipeline) -> None:
    staging = pipeline.staging
    good, generation = staging.model, generation_of(staging)
    staging.succeed("config", "set", "model", staging.output("image"))
    refused = staging.run("up", "--yes", "--skip-preview")
    assert refused.returncode != 0
    assert "is not a model" in refused.stdout + refused.stderr
    staging.set_model(good)
    assert generation_of(staging) == generation


def generation_of(stack: Digits) -> str:
    return stack.kubectl("get", "deployment/scorer", "--output=jsonpath={.metadata.generation}")


def test_the_preview_of_another_interface_is_dangerous(pipeline: Pipeline, served: dict[str, bytes]) -> None:
    card = json.loads(served["card.json"])
    other_inputs(card, {})
    other = push({**served, "card.json": json.dumps(card).encode()})
    assert read_model(other).card.inputs != Card.parse(served["card.json"]).inputs
    good = pipeline.staging.model
    pipeline.staging.set_model(other)
    done = pipeline.staging.slipway("preview", "--stack", pipeline.staging.name)
    pipeline.staging.set_model(good)
    text = " ".join((done.stdout + done.stderr).split())
    assert "pixels: FP32 of 64 instead of X: FP32 of 64" in text, text
    assert "dangerous" in text


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_updates_and_rollbacks_fail_no_request(pipeline: Pipeline) -> None:
    """20,000 requests over ten changes of the model: five promotions, each with its rollback."""
    staging = pipeline.staging
    pipeline.retrain(C="0.3")
    with staging.load(pause_s=0.005) as load:
        for _ in range(5):
            code, receipt, text = pipeline.promote()
            assert (code, receipt["outcome"]) == (0, "verified"), text
            done = pipeline.dev.slipway("rollback", staging.name, "--model", "--yes")
            assert done.returncode == 0, done.stderr
        while load.answered < 20_000 and not load.failed:
            time.sleep(1)
    assert load.failed == []
    text = f"{load.answered} requests while a stack changed its model ten times. None failed."
    soak.write("models", text, [["requests", "failed"], [str(load.answered), "0"]])
