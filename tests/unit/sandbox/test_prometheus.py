"""The Prometheus of the sandbox."""

import json
import shutil
from pathlib import Path

import pytest

from sandbox.platform import pki, prometheus
from sandbox.platform.instance import Instance, SandboxError


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance("test", tmp_path / "state", tmp_path / "cache")
    for directory in (made.libexec, made.etc):
        directory.mkdir(parents=True)
    return made


def test_without_it_nothing_is_different(instance: Instance) -> None:
    assert prometheus.programs(instance) == []
    assert prometheus.url(instance) == ""
    assert prometheus.unready(instance) == []
    assert "prometheus" not in {identity.file for identity in pki.identities(instance)}


def test_it_reads_nodes_and_the_pods_that_ask_for_it(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    prometheus.ensure(instance)
    pki.ensure(instance)
    [program] = prometheus.programs(instance)
    config = json.loads(program.config[0].read_text())
    containers, pods = config["scrape_configs"]
    assert Path(containers["tls_config"]["key_file"]).exists()
    assert pods["relabel_configs"][0]["action"] == "keep"
    assert f"--web.listen-address={instance.control_ip}:9090" in program.argv
    assert prometheus.url(instance) == f"http://{instance.control_ip}:9090"


def test_a_machine_that_cannot_have_it_is_told_so(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    with pytest.raises(SandboxError, match="prometheus is missing: install it"):
        prometheus.ensure(instance)
    assert not instance.prometheus.exists()
