"""The manifests that the program sends are what Kubernetes' own schemas describe, to the letter."""

from collections.abc import Callable

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import pytest

from tests.unit.program.test_program import STACKS
from tests.unit.recorder import Recorder

VERSION = "1.35"
OLDEST_TYPES = "1.33"
"""What the oldest supported plugin is made of: it sees no change of a field that came later."""


@pytest.mark.parametrize("version", [OLDEST_TYPES, VERSION])
@pytest.mark.parametrize("stack", STACKS)
def test_every_manifest_is_valid_and_has_no_unknown_field(
    stack: str, version: str, program: Callable[..., Recorder]
) -> None:
    manifests = [r.inputs for r in program(**STACKS[stack]).resources if r.type.startswith("kubernetes:")]
    assert {manifest["kind"] for manifest in manifests} >= {"Deployment", "StatefulSet", "NetworkPolicy"}
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("stack", STACKS)
def test_no_manifest_has_an_empty_value(stack: str, program: Callable[..., Recorder]) -> None:
    """Kubernetes plugins drop nulls before release 4.30, and keep them since."""
    for urn, request in program(**STACKS[stack]).requests.items():
        assert "null_value" not in str(request.object), urn


def test_a_misspelt_field_would_be_found(program: Callable[..., Recorder]) -> None:
    deployment = program(**STACKS["runs an image"]).one("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["resource"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSION, strict=True)
