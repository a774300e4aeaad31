"""The Prometheus of the sandbox."""

import json
from pathlib import Path

from sandbox.platform import pki, prometheus
from sandbox.platform.instance import Instance
from sandbox.tools.toolchain import Toolchain


def test_without_it_nothing_is_different(instance: Instance) -> None:
    assert prometheus.programs(instance, Toolchain(instance)) == []
    assert prometheus.url(instance) == ""
    assert prometheus.unready(instance) == []
    assert "prometheus" not in {identity.file for identity in pki.identities(instance)}


def test_it_reads_nodes_and_the_pods_that_ask_for_it(instance: Instance) -> None:
    instance.prometheus.mkdir()
    (instance.libexec / "prometheus").symlink_to("/bin/true")
    pki.ensure(instance)
    [program] = prometheus.programs(instance, Toolchain(instance))
    config = json.loads(program.config[0].read_text())
    containers, pods = config["scrape_configs"]
    assert Path(containers["tls_config"]["key_file"]).exists()
    assert pods["relabel_configs"][0]["action"] == "keep"
    assert f"--web.listen-address={instance.control_ip}:9090" in program.argv
    assert prometheus.url(instance) == f"http://{instance.control_ip}:9090"
