"""The kubeconfig that kubectl gets from a stack's configuration."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from slipway.cluster.kubectl import Cluster
from slipway.errors import SlipwayError
from slipway.pulumi.project import Stack
from slipway.pulumi.snapshot import _cluster
from slipway.pulumi.updates import ConfigValue

JSON = '{"contexts": [{"name": "there"}], "users": [{"name": "u", "user": {"token": "planted"}}]}'
YAML = "contexts:\n- name: there\n"


def cluster(project: Path, kubeconfig: str | None, secret: bool = False) -> Cluster:
    """Return the cluster of a stack whose kubeconfig is set to a value, or to a secret."""
    stack = SimpleNamespace(
        name="prod", project=SimpleNamespace(directory=project), secret=lambda key: kubeconfig
    )
    config = {
        "kubernetes:context": ConfigValue("there", secret=False),
        "kubernetes:kubeconfig": ConfigValue(None if secret else kubeconfig, secret),
    }
    return _cluster(cast(Stack, stack), config)


@pytest.fixture(autouse=True)
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubectl").write_text("#!/bin/sh\n")
    (tmp_path / "kubectl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    # The ambient kubeconfig has a context of the same name, for another cluster.
    (tmp_path / "ambient").write_text(YAML)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "ambient"))


@pytest.mark.parametrize("value", ["kubeconfig", "~/kubeconfig"])
def test_a_path_starts_at_the_project_or_at_home(tmp_path: Path, value: str) -> None:
    (tmp_path / "kubeconfig").write_text(YAML)
    assert f"--kubeconfig={tmp_path}/kubeconfig" in cluster(tmp_path, value).command("get")


@pytest.mark.parametrize("secret", [False, True])
@pytest.mark.parametrize("contents", [YAML, JSON])
def test_contents_are_written_to_a_private_file(tmp_path: Path, contents: str, secret: bool) -> None:
    file = Path(cluster(tmp_path, contents, secret).kubeconfig or "")
    assert file.read_text() == contents and file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "value", ["gone", "planted: [", '{"contexts": [{"name": "elsewhere"}], "planted": 1}']
)
@pytest.mark.parametrize("secret", [False, True])
def test_the_ambient_kubeconfig_never_takes_the_place_of_an_unusable_one(
    tmp_path: Path, value: str, secret: bool
) -> None:
    with pytest.raises(SlipwayError) as error:
        cluster(tmp_path, value, secret)
    assert "planted" not in str(error.value)
