"""A promotion to a stack that the backend does not have yet."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.errors import SlipwayError, StackNotFound
from slipway.promotion import promote as flow
from slipway.promotion.phases import PromotionOptions, Prompter
from slipway.pulumi.project import Project
from slipway.pulumi.snapshot import StackSnapshot

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
    """The directory with a file for each stack that the pulumi on PATH has: `dev`."""
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
    """Begins a promotion from dev; returns the stacks that would be promoted from and to."""
    sides: list[StackSnapshot] = []
    monkeypatch.setattr(flow, "eligible_image", lambda side: None)
    monkeypatch.setattr(flow, "_promote", lambda origin, target, *rest: sides.extend((origin, target)))

    def run(target: str = "staging", agree: bool = True) -> list[str]:
        talk = Prompter(lambda text: None, lambda report: None, lambda question: agree)
        project = Project(backend.parent / "project")
        flow.promote(project, "dev", target, flow.SourceRequirements(), PromotionOptions(), talk)
        return [side.name for side in sides]

    return run


def stacks(backend: Path) -> set[str]:
    return {path.name for path in backend.iterdir()}


def test_made_when_the_user_agrees(promote: Promote, backend: Path) -> None:
    """The stack is made, promoted to, and its file stays as it was committed."""
    assert promote() == ["dev", "staging"]
    assert stacks(backend) == {"dev", "staging"}
    assert (backend.parent / "project/Pulumi.staging.yaml").read_text() == FILE


def test_not_made_when_the_user_declines(promote: Promote, backend: Path) -> None:
    with pytest.raises(StackNotFound, match="there is no stack staging"):
        promote(agree=False)
    assert stacks(backend) == {"dev"}


def test_not_made_without_a_file(promote: Promote, backend: Path) -> None:
    """A mistyped name makes no stack, even with --yes."""
    with pytest.raises(StackNotFound, match="there is no stack stagin;"):
        promote("stagin")
    assert stacks(backend) == {"dev"}


def test_not_made_from_an_unfit_source(
    promote: Promote, backend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(side: StackSnapshot) -> None:
        raise SlipwayError(f"{side.name} runs nothing")

    monkeypatch.setattr(flow, "eligible_image", refuse)
    with pytest.raises(SlipwayError, match="dev runs nothing"):
        promote()
    assert stacks(backend) == {"dev"}


def test_a_source_that_is_missing_is_not_made(promote: Promote, backend: Path) -> None:
    (backend / "dev").unlink()
    with pytest.raises(StackNotFound, match="there is no stack dev"):
        promote()
    assert stacks(backend) == set()
