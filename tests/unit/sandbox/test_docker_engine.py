"""The Docker engine of the sandbox."""

import json
import shutil
from pathlib import Path

import pytest

from sandbox.platform import docker_engine, environment, node
from sandbox.platform.instance import Instance
from sandbox.tools.toolchain import Toolchain


@pytest.fixture
def instance(instance: Instance) -> Instance:
    (instance.libexec / "socat").symlink_to("/usr/bin/socat")
    return instance


@pytest.fixture
def unpacked(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Debian's package, on a machine without an engine of its own."""
    which = shutil.which
    absent = ("dockerd", "docker", "docker-proxy")
    monkeypatch.setattr(shutil, "which", lambda name, **more: None if name in absent else which(name, **more))
    root = instance.cache_home / "docker.io"
    (root / "usr/bin").mkdir(parents=True)
    return root


def test_without_it_nothing_is_different(instance: Instance) -> None:
    assert "DOCKER_HOST" not in environment.variables(instance)
    assert instance.docker_netns not in instance.netns


def test_once_started_it_belongs_to_the_instance(instance: Instance, unpacked: Path) -> None:
    docker_engine.ensure(instance)
    assert environment.variables(instance)["DOCKER_HOST"] == f"unix://{instance.docker_socket}"
    assert instance.docker_netns in instance.netns
    assert (instance.bin / "docker").readlink() == unpacked / "usr/bin/docker"


def test_it_runs_in_its_own_network_and_leaves_the_files_of_the_machine_alone(
    instance: Instance, unpacked: Path
) -> None:
    dockerd, registry = docker_engine.programs(instance, Toolchain(instance))
    for program in (dockerd, registry):
        assert program.argv[:2] == ("nsenter", f"--net=/run/netns/{instance.docker_netns}")
    assert f"--mount={node.mount_namespace(instance, 'docker')}" in dockerd.argv, (
        "it outlives a killed dockerd"
    )
    assert str(unpacked / "usr/sbin/dockerd") in dockerd.argv
    settings = json.loads(dockerd.config[0].read_text())
    paths = [settings[key] for key in ("data-root", "exec-root", "pidfile")]
    paths += [host.removeprefix("unix://") for host in settings["hosts"]]
    assert [path for path in paths if not Path(path).is_relative_to(instance.state)] == []
    assert settings["cgroup-parent"].startswith(f"/{instance.cgroup}/"), "`down` finds containers by it"
    assert settings["default-address-pools"][0]["base"] == instance.container_cidr


def test_published_ports_are_those_of_the_machine(instance: Instance, unpacked: Path) -> None:
    [dockerd, _] = docker_engine.programs(instance, Toolchain(instance))
    proxy = Path(json.loads(dockerd.config[0].read_text())["userland-proxy-path"])
    assert proxy.stat().st_mode & 0o111
    assert f"$(cat {instance.supervisor_pid_file})/ns/net" in proxy.read_text()


def test_a_machine_that_cannot_have_one_is_refused(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, **_: None)
    [problem] = docker_engine.problems(instance)
    assert "dockerd is missing" in problem
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}")
    assert docker_engine.problems(instance) == []
