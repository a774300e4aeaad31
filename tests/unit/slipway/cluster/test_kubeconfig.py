"""The kubeconfig is the one that Pulumi's Kubernetes plugin uses."""

import json
from pathlib import Path

import pytest

from slipway.cluster.kubeconfig import Kubeconfig
from slipway.errors import BadKubeconfig

TOKEN = "hunter2"  # noqa: S105 # made up, and looked for in messages
USERS = [{"name": "me", "user": {"token": TOKEN}}]


def config(*contexts: str) -> str:
    return json.dumps({"contexts": [{"name": name} for name in contexts], "users": USERS})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_text(config("home"))
    return tmp_path


@pytest.mark.parametrize(
    "contents", [config("prod"), config("prod", *map(str, range(99))), "contexts:\n- name: prod\n"]
)
def test_contents(contents: str) -> None:
    """JSON on a line is contents too; long contents are not a valid path."""
    kubeconfig = Kubeconfig.choose(contents)
    assert "prod" in kubeconfig.contexts()
    assert kubeconfig.origin == "in kubernetes:kubeconfig"
    assert TOKEN not in repr(kubeconfig)


def test_a_path_in_the_home_directory(home: Path) -> None:
    (home / "prod").write_text(config("prod"))
    assert Kubeconfig.choose("~/prod").contexts() == {"prod"}


def test_a_path_relative_to_the_project(home: Path) -> None:
    (home / "prod").write_text(config("prod"))
    assert Kubeconfig.choose("prod", directory=home).files == (home / "prod",)


def test_the_variable_lists_files(home: Path) -> None:
    """Files that do not exist are skipped, as kubectl does."""
    (home / "one").write_text(config("one"))
    (home / "two").write_text(config("two"))
    env = {"KUBECONFIG": f"{home}/one:{home}/missing::{home}/two"}
    assert Kubeconfig.choose(None, env=env).contexts() == {"one", "two"}
    assert Kubeconfig.choose(None, env={}).contexts() == {"home"}


@pytest.mark.parametrize(
    "setting",
    [
        "/no/such/file",
        "[1]",
        f"token: {TOKEN}\ncontexts: 5",
        f"- {TOKEN}",
        "contexts: [{}]",
        f"{{{TOKEN}",
        f"{TOKEN}: {'[' * 5000}",
    ],
)
def test_a_malformed_kubeconfig_is_not_repeated(setting: str) -> None:
    with pytest.raises(BadKubeconfig, match="is malformed; if it is meant as a path") as error:
        Kubeconfig.choose(setting).contexts()
    assert TOKEN not in str(error.value)


def test_a_directory_is_not_a_kubeconfig(home: Path) -> None:
    with pytest.raises(BadKubeconfig, match="cannot be read: Is a directory"):
        Kubeconfig.choose(str(home)).contexts()
