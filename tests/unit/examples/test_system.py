"""The example of a whole system keeps the house rules, and is what Kubernetes' own schemas describe."""

import runpy
from collections.abc import Callable
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped] # it ships no types
import pulumi
import pytest

from tests.unit.conftest import Run
from tests.unit.policy.test_policy import broken_by
from tests.unit.program.test_manifests import OLDEST_TYPES, VERSION
from tests.unit.recorder import DIGEST, Recorder

EXAMPLE = Path(__file__).parent.parent.parent.parent / "examples/system/__main__.py"
KINDS = {"Deployment", "Job", "CronJob", "Ingress", "PersistentVolumeClaim", "ConfigMap"}


@pytest.fixture
def system(engine: Run) -> Recorder:
    config = {"slipway:image": f"ghcr.io/acme/shop@{DIGEST}", "slipway:host": "shop.example.com"}
    pulumi.runtime.set_all_config(config, [])
    return engine(lambda: runpy.run_path(str(EXAMPLE)) and None)


def test_it_breaks_no_rule(system: Recorder) -> None:
    """Except that Redis runs an image by tag."""
    assert broken_by(system) == {"StatefulSet broker": {"image-by-digest"}}


BREAKS: dict[str, tuple[Callable[[Recorder], object], str]] = {
    "Job migrate": (
        lambda system: system.one("Job")["spec"]["template"]["spec"]["securityContext"].clear(),
        "not-as-root",
    ),
    "CronJob cleanup": (
        lambda system: system.one("CronJob")["spec"]["jobTemplate"]["spec"].pop("activeDeadlineSeconds"),
        "runs-end",
    ),
    "Deployment mail": (
        lambda system: system.one("Deployment", "mail")["spec"]["template"]["spec"]["containers"][0].pop(
            "resources"
        ),
        "resources-set",
    ),
    "Ingress web": (
        lambda system: system.one("Ingress")["metadata"]["annotations"].pop("slipway/public"),
        "public-only-on-purpose",
    ),
}


@pytest.mark.parametrize(("what", "change"), BREAKS.items(), ids=BREAKS)
def test_a_broken_rule_would_be_found(
    what: str, change: tuple[Callable[[Recorder], object], str], system: Recorder
) -> None:
    spoil, rule = change
    spoil(system)
    assert rule in broken_by(system)[what]


@pytest.mark.parametrize("version", [OLDEST_TYPES, VERSION])
def test_every_manifest_is_valid_and_has_no_unknown_field(version: str, system: Recorder) -> None:
    manifests = [item.inputs for item in system.resources if item.type.startswith("kubernetes:")]
    assert {manifest["kind"] for manifest in manifests} >= KINDS
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_no_manifest_has_an_empty_value(system: Recorder) -> None:
    """Kubernetes plugins drop nulls before release 4.30, and keep them since."""
    for urn, request in system.requests.items():
        assert "null_value" not in str(request.object), urn


def test_every_child_has_a_component_parent(system: Recorder) -> None:
    for urn in system.urns:
        assert "slipway:components:" in urn.split("::")[2], urn
