"""`eval "$(sandbox env)"`: the shell gets the project's programs, and stops on an error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.platform import environment
from sandbox.platform.instance import Instance

PROJECT = Path(__file__).parents[3]


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance("shell", tmp_path / "state/slipway", tmp_path / "cache/slipway")
    made.bin.mkdir(parents=True)
    return made


def shell(tmp_path: Path, script: str, name: str = "shell", python: str = sys.executable) -> str:
    """Return the output of a script in a plain shell; ENV evaluates `sandbox env`."""
    variables = {
        "PATH": os.defpath,
        "SANDBOX_NAME": name,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "HOME": str(tmp_path),
    }
    command = ("sh", "-c", script.replace("ENV", f'eval "$({python} -m sandbox env)"'))
    return subprocess.run(
        command, cwd=PROJECT, env=variables, capture_output=True, text=True, check=False
    ).stdout


def test_slipway_runs_with_the_packages_of_the_project(instance: Instance, tmp_path: Path) -> None:
    assert "promote" in shell(tmp_path, "ENV && python -m slipway --help")


def test_the_tools_of_the_sandbox_come_before_those_of_the_virtualenv(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    virtualenv = str(Path(sys.executable).parent)
    monkeypatch.setenv("PATH", os.pathsep.join(("/first", virtualenv, str(instance.bin), "/last")))
    path = environment.variables(instance)["PATH"].split(os.pathsep)
    assert path == [str(instance.bin), virtualenv, "/first", "/last"]


@pytest.mark.parametrize("script", ["ENV && echo went on", "set -e; ENV; echo went on"])
@pytest.mark.parametrize("name", ["No Name", "never-started"])
def test_an_error_stops_the_script(tmp_path: Path, script: str, name: str) -> None:
    assert "went on" not in shell(tmp_path, script, name)


def test_a_wrong_option_stops_the_script(instance: Instance, tmp_path: Path) -> None:
    assert "went on" not in shell(
        tmp_path, f'eval "$({sys.executable} -m sandbox env --jsn)" && echo went on'
    )


def test_a_python_without_the_packages_stops_the_script(tmp_path: Path) -> None:
    bare = f"{sys.executable} -S"
    assert "went on" not in shell(tmp_path, "ENV && echo went on", python=bare)


def test_without_an_error_the_script_continues(instance: Instance, tmp_path: Path) -> None:
    assert "went on" in shell(tmp_path, "set -e; ENV; echo went on")
