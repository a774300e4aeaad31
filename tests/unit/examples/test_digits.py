"""The example of a model, in a stack that promotions deploy to."""

import runpy
from pathlib import Path

import pulumi
import pytest

from components.kubernetes import model_reference
from slipway.images.model_image import Published
from tests.unit.conftest import Run
from tests.unit.models.making import card
from tests.unit.recorder import DIGEST

EXAMPLE = Path(__file__).parents[3] / "examples/digits"


def test_it_serves_the_model_and_the_page_of_its_stack_file(
    engine: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLE)
    monkeypatch.setattr(model_reference, "read_model", lambda image, client: Published(card(), 1))
    model, server = f"ghcr.io/acme/digits-model@{DIGEST}", f"ghcr.io/acme/digits@{DIGEST}"
    values = {"repository": "ghcr.io/acme/digits", "image": server, "model": model}
    pulumi.runtime.set_all_config({f"slipway:{key}": value for key, value in values.items()}, [])
    recorder = engine(lambda: runpy.run_path("__main__.py") and None)
    pod = recorder.one("Deployment")["spec"]["template"]["spec"]
    assert [container["image"] for container in pod["initContainers"]] == [server, model]
    assert list(recorder.one("ConfigMap")["data"].values()) == [(EXAMPLE / "page.html").read_text()]
    assert recorder.of("CronJob") == [], "only stacks that build train"
