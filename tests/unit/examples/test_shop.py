"""The example of the components in another program."""

import runpy
from pathlib import Path

import pulumi

from tests.unit.conftest import Run
from tests.unit.recorder import DIGEST

EXAMPLE = Path(__file__).parent.parent.parent.parent / "examples/shop/__main__.py"


def test_the_example_runs_with_settings_of_its_own(engine: Run) -> None:
    image = f"ghcr.io/acme/shop@{DIGEST}"
    pulumi.runtime.set_all_config({"slipway:image": image}, [])
    recorder = engine(lambda: runpy.run_path(str(EXAMPLE)) and None)
    [container] = recorder.one("Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == image
    assert {variable["name"] for variable in container["env"]} == {
        "REDIS_HOST",
        "REDIS_PORT",
        "REDIS_PASSWORD",
        "CURRENCY",
    }
    assert {resource.inputs["metadata"]["namespace"] for resource in recorder.of("Service")} == {"shop"}
