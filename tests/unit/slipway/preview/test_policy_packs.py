"""The virtualenv of a policy pack: installed if it is missing, again if it is broken."""

import os
import sys
from pathlib import Path
from typing import cast

import pytest

from slipway import process
from slipway.errors import SlipwayError
from slipway.preview import preview
from slipway.pulumi.project import Project

run = process.run


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    (tmp_path / "PulumiPolicy.yaml").write_text(
        "runtime: {name: python, options: {virtualenv: .venv}}\nversion: 1.0.0\n"
    )
    return tmp_path


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Stand in for `pulumi install`: it makes a virtualenv only where there is none, as it does."""
    directories: list[Path] = []

    def instead(
        *command: str, directory: Path | None = None, timeout_s: float | None = None
    ) -> process.Result:
        if command != ("pulumi", "install"):
            return run(*command, directory=directory, timeout_s=timeout_s)
        assert directory
        directories.append(directory)
        if not (directory / ".venv").exists():
            virtualenv(directory)
        return process.Result(0, b"", b"")

    monkeypatch.setattr(process, "run", instead)
    return directories


def virtualenv(pack: Path, python: str = sys.executable, *, complete: bool = True) -> None:
    (pack / ".venv/bin").mkdir(parents=True)
    (pack / ".venv/bin/python").symlink_to(python)
    (pack / ".venv/pyvenv.cfg").touch()
    packages = pack / ".venv/lib/python3.11/site-packages/pulumi_policy-1.20.0.dist-info"
    packages.mkdir(parents=True)
    if complete:
        (packages / "RECORD").touch()


def check(pack: Path) -> None:
    assert preview.policy_packs(cast(Project, None), [pack]) == [pack]
    assert run(str(pack / ".venv/bin/python"), "-c", "").code == 0


def test_a_missing_virtualenv_is_installed(pack: Path, installs: list[Path]) -> None:
    check(pack)
    check(pack)
    assert installs == [pack]


def test_a_virtualenv_of_a_python_that_is_gone_is_made_again(pack: Path, installs: list[Path]) -> None:
    virtualenv(pack, "/usr/lib/gone/python3.9")
    check(pack)
    assert installs == [pack]


def test_a_virtualenv_whose_python_does_not_start_is_made_again(pack: Path, installs: list[Path]) -> None:
    virtualenv(pack, "/bin/false")
    check(pack)
    assert installs == [pack]


def test_a_virtualenv_without_all_packages_is_made_again(pack: Path, installs: list[Path]) -> None:
    virtualenv(pack, complete=False)
    check(pack)
    assert installs == [pack]


def test_a_directory_that_is_not_a_virtualenv_is_kept(pack: Path, installs: list[Path]) -> None:
    """The setting may name any directory, and only a virtualenv is ours to delete."""
    (pack / ".venv").mkdir()
    (pack / ".venv/notes.txt").touch()
    preview.policy_packs(cast(Project, None), [pack])
    assert (pack / ".venv/notes.txt").exists()
    assert installs == [pack]


def test_an_installation_that_fails_is_an_error(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "run", lambda *_, **__: process.Result(1, b"", b"no network"))
    with pytest.raises(SlipwayError, match=rf"policy pack {os.path.realpath(pack)} .*no network"):
        preview.policy_packs(cast(Project, None), [pack.resolve()])
