"""The kubeconfig that kubectl gets from a stack's configuration."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError
from slipway.pulumi.project import Stack
from slipway.pulumi.updates import ConfigValue

CONTENT = "apiVersion: v1\nkind: Config\n"


def cluster(project: Path, kubeconfig: str | None, secret: bool = False) -> Cluster:
    stack = cast(Stack, SimpleNamespace(name="prod", project=SimpleNamespace(directory=project)))
    config = {
        "kubernetes:context": ConfigValue("there", secret=False),
        "kubernetes:kubeconfig": ConfigValue(kubeconfig, secret),
    }
    return Cluster.from_config(stack, config)


@pytest.fixture(autouse=True)
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubectl").write_text("#!/bin/sh\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_a_relative_path_starts_at_the_project(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(CONTENT)
    assert f"--kubeconfig={tmp_path}/kubeconfig" in cluster(tmp_path, "kubeconfig").command("get")


def test_content_is_written_to_a_private_file(tmp_path: Path) -> None:
    file = Path(cluster(tmp_path, CONTENT).kubeconfig or "")
    assert file.read_text() == CONTENT and file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("value", "secret", "message"), [("gone", False, "gone"), (None, True, "a secret")])
def test_no_other_kubeconfig_takes_the_place_of_an_unusable_one(
    tmp_path: Path, value: str | None, secret: bool, message: str
) -> None:
    with pytest.raises(SlipwayError, match=message):
        cluster(tmp_path, value, secret)
