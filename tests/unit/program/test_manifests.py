"""The manifests that the program sends are what Kubernetes' own schemas describe, to the letter."""

from collections.abc import Callable

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import pytest

from tests.unit.program.test_program import STACKS
from tests.unit.recorder import Recorder

VERSION = "1.35"


@pytest.mark.parametrize("stack", STACKS)
def test_every_manifest_is_valid_and_has_no_unknown_field(
    stack: str, program: Callable[..., Recorder]
) -> None:
    manifests = [r.inputs for r in program(**STACKS[stack]).resources if r.type.startswith("kubernetes:")]
    assert {manifest["kind"] for manifest in manifests} >= {"Deployment", "StatefulSet", "NetworkPolicy"}
    for manifest in manifests:
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_a_misspelt_field_would_be_found(program: Callable[..., Recorder]) -> None:
    deployment = program(**STACKS["runs an image"]).one("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["resource"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSION, strict=True)
