"""What changes between the preview and the update is refused, whatever it is."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from slipway.errors import ImageNotFound, OutOfDate
from slipway.images.references import Image
from slipway.preview.fingerprint import Fingerprint
from slipway.promotion import promote as flow
from slipway.promotion.options import PromotionOptions, VerifyOptions
from slipway.promotion.phases import Prompter
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot
from tests.e2e.slipway.promotion.conftest import REPOSITORY, Pipeline, digest


@dataclass(frozen=True)
class Ground:
    """What a preview of staging is made of, and ways to change it."""

    pipeline: Pipeline
    images: dict[str, str]

    def side(self) -> StackSnapshot:
        return StackSnapshot.read(Project(self.pipeline.directory), self.pipeline.stack("staging"))

    def edit(self, file: Path, old: str, new: str) -> None:
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def program(self, old: str, new: str) -> None:
        self.edit(self.pipeline.directory / "__main__.py", old, new)

    def configuration(self, old: str, new: str) -> None:
        self.edit(self.pipeline.file("staging"), old, new)

    def kubectl(self, *words: str) -> None:
        self.pipeline.kubectl(*words, "-n", self.pipeline.namespace("staging"))

    def patch(self, name: str, patch: object) -> None:
        self.kubectl("patch", name, "--type=merge", "-p", json.dumps(patch))


WAYS: dict[str, Callable[[Ground], object]] = {
    "another digest in the stack file": lambda g: g.configuration(g.images["one"], g.images["two"]),
    "another value in the stack file": lambda g: g.configuration("greeting: staging", "greeting: stg"),
    "a new key in the stack file": lambda g: g.configuration("config:\n", "config:\n  pm:replicas: 2\n"),
    "a key less in the stack file": lambda g: g.configuration("  pm:greeting: staging\n", ""),
    "another context in the stack file": lambda g: g.configuration("context: ", "context: x-"),
    "an environment in the stack file": lambda g: g.configuration(
        "config:\n", "environment: [acme]\nconfig:\n"
    ),
    "a default in Pulumi.yaml": lambda g: g.edit(
        g.pipeline.directory / "Pulumi.yaml", f"default: {REPOSITORY}", f"default: {REPOSITORY}2"
    ),
    "a line of the program": lambda g: g.program("= 80, ", "= 8080, "),
    "a comment in the program": lambda g: g.program("import pulumi\n", "# why\nimport pulumi\n"),
    "a new module": lambda g: (g.pipeline.directory / "extra.py").write_text("x = 1\n"),
    "the mode of a file": lambda g: (g.pipeline.directory / "__main__.py").chmod(0o755),
    "another update": lambda g: g.pipeline.deploy("staging", g.images["two"]),
    "a scaled Deployment": lambda g: g.kubectl("scale", "deployment/web", "--replicas=2"),
    "another image set by hand": lambda g: g.kubectl("set", "image", "deployment/web", "web=nginx"),
    "an environment variable set by hand": lambda g: g.kubectl("set", "env", "deployment/web", "A=b"),
    "a label": lambda g: g.kubectl("label", "deployment/web", "a=b"),
    "an annotation": lambda g: g.kubectl("annotate", "service/web", "a=b"),
    "another port of the Service": lambda g: g.patch(
        "service/web", {"spec": {"ports": [{"port": 81, "targetPort": 5000}]}}
    ),
    "another selector of the Service": lambda g: g.patch("service/web", {"spec": {"selector": {"app": "x"}}}),
    "other data in the ConfigMap": lambda g: g.patch("configmap/settings", {"data": {"greeting": "x"}}),
    "a deleted ConfigMap": lambda g: g.kubectl("delete", "configmap/settings"),
    "a deleted Service": lambda g: g.kubectl("delete", "service/web"),
}


@pytest.fixture(scope="module")
def ground(sandbox: dict[str, str], pipeline: Pipeline, images: dict[str, str]) -> Iterator[Ground]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in pipeline.environment.items():
            patch.setenv(name, value)
        pipeline.freshen("staging", images["one"])
        yield Ground(pipeline, images)


@pytest.fixture
def restored(ground: Ground) -> Iterator[Ground]:
    """The files are restored after each test, the cluster when it is worth it."""
    directory = ground.pipeline.directory
    files = {path: (path.read_text(), path.stat().st_mode) for path in directory.iterdir() if path.is_file()}
    yield ground
    for path in directory.iterdir():
        if path.is_file() and path not in files:
            path.unlink()
    for path, (text, mode) in files.items():
        path.write_text(text)
        path.chmod(mode)


@pytest.mark.parametrize("way", WAYS)
def test_what_changed_since_the_preview_is_found(way: str, restored: Ground) -> None:
    side = restored.side()
    image = Image.parse(restored.images["one"])
    fingerprint = Fingerprint.from_snapshot(side, image)
    fingerprint.check_unchanged(side.reload(), image)
    WAYS[way](restored)
    with pytest.raises(OutOfDate):
        fingerprint.check_unchanged(side.reload(), image)


def test_a_tag_that_moved_or_an_image_that_is_gone_is_found(restored: Ground) -> None:
    side = restored.side()
    image = Image.parse(restored.images["one"])
    fingerprint = Fingerprint.from_snapshot(side, image)
    moved = Image(image.repository, image.digest, "two")
    with pytest.raises(OutOfDate, match="tag"):
        fingerprint.check_unchanged(side, moved)
    with pytest.raises(ImageNotFound):
        fingerprint.check_unchanged(side, Image(image.repository, "sha256:" + "0" * 64, image.tag))


def test_a_promotion_of_which_the_ground_changed_while_it_asked_applies_nothing(
    restored: Ground, images: dict[str, str]
) -> None:
    pipeline = restored.pipeline
    pipeline.deploy("dev", images["two"])
    pipeline.slipway("drift", pipeline.stack("staging"), "--fix", "--yes")
    pipeline.deploy("staging", images["one"])
    before = pipeline.file("staging").read_text()

    def agree(question: str) -> bool:
        restored.kubectl("label", "deployment/web", f"changed={os.getpid()}", "--overwrite")
        return True

    talk = Prompter(lambda text: None, lambda report: None, agree)
    names = (pipeline.stack("dev"), pipeline.stack("staging"))
    with pytest.raises(OutOfDate, match="an object in the cluster"):
        flow.promote(
            Project(pipeline.directory),
            *names,
            flow.SourceRequirements(),
            PromotionOptions(VerifyOptions()),
            talk,
        )
    restored.kubectl("label", "deployment/web", "changed-")
    assert pipeline.file("staging").read_text() == before
    assert pipeline.history("staging")[0]["outcome"] == "abandoned"
    assert pipeline.running("staging") == {digest(images["one"])}
