"""Models that answer a share of the requests first, and models that are promoted with their server."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from slipway.images.references import Image
from slipway.images.registry import Repository
from tests.conftest import SOAK
from tests.e2e.models.conftest import Pipeline, request
from tests.e2e.program.conftest import PROJECT

ROLLBACK_S = 30 if SOAK else 90
SHARES = (10, 50) if SOAK else (50,)
QUICK = ("--canary", "--step=2", "--min-requests=40", "--patience=120", "--max-latency=50")
"""Steps that a test can wait for; latencies are not the subject on a machine that runs other tests too."""


@pytest.fixture(scope="module")
def better(pipeline: Pipeline) -> Image:
    """Another model, which dev serves."""
    pipeline.retrain(C="0.5")
    return pipeline.dev.model


def has_canary(pipeline: Pipeline) -> bool:
    """Return whether the cluster or the stack file has a canary."""
    names = pipeline.staging.kubectl("get", "deployments", "--output=name")
    return "-canary" in names or "-shadow" in names or "digits:canary" in pipeline.staging.file.read_text()


def test_a_canary_serves_more_and_more_until_all_and_is_rolled_back(
    pipeline: Pipeline, better: Image, unseen: list[dict[str, Any]]
) -> None:
    old = pipeline.staging.model.digest
    with pipeline.staging.load(pause_s=0.02, requests=unseen) as load:
        code, receipt, text = pipeline.promote(*QUICK, f"--shares={','.join(map(str, SHARES))}")
        assert (code, receipt["outcome"]) == (0, "verified"), text
        assert pipeline.staging.model.digest == better.digest != old
        started = time.monotonic()
        done = pipeline.dev.slipway("rollback", pipeline.staging.name, "--model", "--yes")
        rolled_back_s = time.monotonic() - started
        assert done.returncode == 0, done.stderr
        assert pipeline.staging.predict()[1] == old
    names = [check["name"] for check in receipt["checks"] if check["name"].startswith("canary")]
    kinds = ("errors", "latency", "predictions")
    assert names == [f"canary {share} %: {kind}" for share in SHARES for kind in kinds]
    details = {check["name"]: check["detail"] for check in receipt["checks"]}
    assert details["canary 50 %: errors"].endswith("(2 of 4 pods)")
    assert load.failed == []
    assert load.digests == {old, better.digest}
    assert not has_canary(pipeline)
    assert rolled_back_s < ROLLBACK_S


@pytest.mark.soak
def test_a_canary_with_other_predictions_is_rolled_back(pipeline: Pipeline, better: Image) -> None:
    """All requests have the same row, so one class is predicted, and the card has ten."""
    old = pipeline.staging.model.digest
    same = request(pipeline.staging.card.sample.inputs["X"] * 10)
    with pipeline.staging.load(pause_s=0.02, requests=[same]) as load:
        code, receipt, text = pipeline.promote(*QUICK)
    assert (code, receipt["outcome"]) == (1, "rolled back"), text
    assert "canary 10 %: predictions: population stability index" in receipt["reason"]
    assert load.failed == []
    assert load.digests == {old, better.digest}
    assert pipeline.staging.model.digest == old
    assert not has_canary(pipeline)


@pytest.mark.soak
def test_a_shadow_is_compared_before_it_serves(
    pipeline: Pipeline, better: Image, unseen: list[dict[str, Any]]
) -> None:
    old = pipeline.staging.model.digest
    with pipeline.staging.load(pause_s=0.02, requests=unseen) as load:
        code, receipt, text = pipeline.promote("--shadow", *QUICK[1:])
        assert (code, receipt["outcome"]) == (0, "verified"), text
    details = {check["name"]: check["detail"] for check in receipt["checks"]}
    assert {"shadow: errors", "shadow: latency", "shadow: predictions"} <= details.keys()
    agreeing, _, answers = details["shadow: agreement"].split(": ")[1].split()[:3]
    assert 0.9 * int(answers) < int(agreeing) <= int(answers)
    assert load.failed == []
    assert load.digests == {old, better.digest}
    assert not has_canary(pipeline)
    pipeline.dev.slipway("rollback", pipeline.staging.name, "--model", "--yes")


def test_image_and_model_are_promoted_and_rolled_back_together(pipeline: Pipeline, better: Image) -> None:
    staging = pipeline.staging
    server, model = pipeline.dev.output("image"), staging.model.digest
    other = relabelled(Image.parse(server))
    staging.succeed("config", "set", "image", str(other))
    staging.up()
    with staging.load() as load:
        refused = promote_both(pipeline, f"--check-command=sh -c 'test $IMAGE != {server}'")
        assert (refused["outcome"], refused["reason"]) == ("rolled back", "command: exit code 1")
        assert staging.output("image") == str(other)
        assert staging.model.digest == model
        verified = promote_both(pipeline)
    assert verified["outcome"] == "verified"
    assert verified["image"] == staging.output("image") == server
    assert verified["companion"]["image"] == staging.output("model") == str(better)
    names = [check["name"] for check in verified["checks"]]
    assert names.count("digest") == names.count("http") == 2
    assert load.failed == []
    assert load.digests == {model, better.digest}
    done = pipeline.dev.slipway("rollback", staging.name, "--model", "--yes")
    assert done.returncode == 0, done.stderr
    assert (staging.model.digest, staging.output("image")) == (model, server)


def promote_both(pipeline: Pipeline, *words: str) -> dict[str, Any]:
    done = pipeline.dev.slipway("promote", *pipeline.names, "--with-model", "--yes", *words)
    receipt = pipeline.receipt()
    assert done.returncode == (receipt["outcome"] != "verified"), done.stderr
    return receipt


def relabelled(image: Image) -> Image:
    """Push the same image with one more label, so that it has another digest."""
    repository = Repository(image.repository)
    manifest = repository.manifest(image.digest)
    config = repository.blob(manifest["config"]["digest"])
    config["config"].setdefault("Labels", {})["test"] = "other"
    content = json.dumps(config).encode()
    repository.push_blob(content)
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    manifest["config"] |= {"digest": digest, "size": len(content)}
    repository.push_manifest("other", json.dumps(manifest).encode(), manifest["mediaType"])
    found = repository.digest("other")
    assert found
    return Image(image.repository, found, "other")


@pytest.mark.soak
@pytest.mark.parametrize("command", ["recover", "rollback"])
def test_an_interrupted_canary_is_recovered(
    command: str, pipeline: Pipeline, better: Image, unseen: list[dict[str, Any]]
) -> None:
    """`recover` continues it, and `rollback` rolls it back; callers get answers all the time."""
    old = pipeline.staging.model.digest
    words = ("promote", *pipeline.names, "--model", "--yes", *QUICK, "--step=15")
    with pipeline.staging.load(pause_s=0.02, requests=unseen) as load:
        promotion = subprocess.Popen(
            (sys.executable, "-m", "slipway", *words, f"--cwd={pipeline.dev.directory}"),
            cwd=PROJECT,
            env=pipeline.dev.environment,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while better.digest not in load.digests:
            assert promotion.poll() is None
            time.sleep(0.5)
        os.killpg(promotion.pid, signal.SIGKILL)
        promotion.wait()
        assert pipeline.receipt()["phase"] == "watching a canary"
        name = pipeline.staging.name
        done = pipeline.dev.slipway(command, name, "--yes", *(["--model"] if command == "rollback" else []))
        assert done.returncode == 0, done.stderr
    outcomes = {"recover": ("verified", better.digest), "rollback": ("rolled back", old)}
    assert (pipeline.receipt()["outcome"], pipeline.staging.model.digest) == outcomes[command]
    assert load.failed == []
    assert not has_canary(pipeline)
    pipeline.dev.slipway("rollback", name, "--model", "--yes")
