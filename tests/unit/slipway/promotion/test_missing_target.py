"""A promotion to a stack that the backend does not have."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import SlipwayError, StackNotFound
from slipway.promotion import promote as flow
from slipway.promotion.options import PromotionOptions
from slipway.promotion.phases import Prompter
from slipway.pulumi.project import Project
from slipway.pulumi.stack_snapshot import StackSnapshot

PULUMI = """#!/bin/sh
words="$*"
name="${{words##*--stack }}"
name="${{name%% *}}"
case "$words" in *version*) echo v3.300.0; exit;; esac
case "$words" in *"stack init"*)
  touch "{backend}/$name"
  echo "encryptionsalt: v1:abc" >>"Pulumi.$name.yaml"
  exit;;
esac
[ -e "{backend}/$name" ] || {{ echo "error: no stack named '$name' found" >&2; exit 6; }}
case "$words" in
  *config*) echo '{{"kubernetes:context": {{"value": "here", "secret": false}}}}';;
  *) echo '{{"version": 3, "deployment": {{}}}}';;
esac
"""
FILE = "# staging\nconfig:\n  kubernetes:context: here  # pinned\n"

Promote = Callable[..., list[str]]


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory with a file for each stack of the fake pulumi: `dev`."""
    for name in ("bin", "backend", "project"):
        (tmp_path / name).mkdir()
    (tmp_path / "backend/dev").touch()
    program = tmp_path / "bin/pulumi"
    program.write_text(PULUMI.format(backend=tmp_path / "backend"))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "project/Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "project/Pulumi.staging.yaml").write_text(FILE)
    return tmp_path / "backend"


@pytest.fixture
def promote(backend: Path, monkeypatch: pytest.MonkeyPatch) -> Promote:
    """Start a promotion from dev, and return the names of source and target."""
    snapshots: list[StackSnapshot] = []
    monkeypatch.setattr(flow, "eligible_image", lambda source: None)
    monkeypatch.setattr(flow, "_promote", lambda source, target, *rest: snapshots.extend((source, target)))

    def run(target: str = "staging", agree: bool = True) -> list[str]:
        prompter = Prompter(lambda text: None, lambda report: None, lambda question: agree)
        project = Project(backend.parent / "project")
        flow.promote(project, "dev", target, flow.SourceRequirements(), PromotionOptions(), prompter)
        return [snapshot.name for snapshot in snapshots]

    return run


def stacks(backend: Path) -> set[str]:
    return {path.name for path in backend.iterdir()}


def test_created_after_confirmation(promote: Promote, backend: Path) -> None:
    """The stack is created and promoted to, and its file does not change."""
    assert promote() == ["dev", "staging"]
    assert stacks(backend) == {"dev", "staging"}
    assert (backend.parent / "project/Pulumi.staging.yaml").read_text() == FILE


def test_declined(promote: Promote, backend: Path) -> None:
    with pytest.raises(StackNotFound, match="there is no stack staging"):
        promote(agree=False)
    assert stacks(backend) == {"dev"}


def test_no_stack_file(promote: Promote, backend: Path) -> None:
    """A mistyped name creates no stack, even with --yes."""
    with pytest.raises(StackNotFound, match="there is no stack stagin;"):
        promote("stagin")
    assert stacks(backend) == {"dev"}


def test_source_cannot_be_promoted(promote: Promote, backend: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: StackSnapshot) -> None:
        raise SlipwayError(f"{source.name} has no image")

    monkeypatch.setattr(flow, "eligible_image", refuse)
    with pytest.raises(SlipwayError, match="dev has no image"):
        promote()
    assert stacks(backend) == {"dev"}


def test_missing_source(promote: Promote, backend: Path) -> None:
    (backend / "dev").unlink()
    with pytest.raises(StackNotFound, match="there is no stack dev"):
        promote()
    assert stacks(backend) == set()
