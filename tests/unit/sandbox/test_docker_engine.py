"""The Docker engine of the sandbox."""

import json
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from sandbox.platform import docker_engine, environment, node
from sandbox.platform.instance import Instance, SandboxError
from sandbox.tools.toolchain import Toolchain


@pytest.fixture
def instance(instance: Instance) -> Instance:
    (instance.libexec / "socat").symlink_to("/usr/bin/socat")
    return instance


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an engine of its own."""
    which = shutil.which
    programs = ("dockerd", "docker", "docker-proxy")
    monkeypatch.setattr(
        shutil, "which", lambda name, **more: None if name in programs else which(name, **more)
    )


@pytest.fixture
def unpacked(instance: Instance, absent: None) -> Path:
    """Debian's package, on a machine without an engine of its own."""
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


@pytest.fixture
def apt(absent: None, instance: Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose lists of packages are too old to download one; dockerd ends with `status`."""
    programs = {
        "apt-get": f"""case "$1" in
            update) touch {tmp_path}/updated ;;
            download) [ -e {tmp_path}/updated ] && touch "$2.deb" ;;
            esac""",
        "dpkg": f"""mkdir -p "$3/usr/sbin" && cp {tmp_path}/dockerd "$3/usr/sbin/dockerd" """,
        "dockerd": "exit 0",
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    instance.cache_home.mkdir()
    return tmp_path


def test_old_lists_of_packages_are_renewed(instance: Instance, apt: Path) -> None:
    docker_engine.ensure(instance)
    assert docker_engine._unpacked(instance).exists()


def test_a_dockerd_without_its_libraries_is_not_installed(instance: Instance, apt: Path) -> None:
    (apt / "dockerd").write_text("#!/bin/sh\necho libdevmapper.so.1.02.1: cannot open >&2\nexit 127\n")
    with pytest.raises(SandboxError, match=r"libdevmapper.so.1.02.1: cannot open\n.*apt-get install"):
        docker_engine.ensure(instance)
    assert not docker_engine._unpacked(instance).exists(), "the next try starts again"


def test_a_silent_engine_is_a_problem(instance: Instance) -> None:
    assert docker_engine.unready(instance) == [], "there is none"
    instance.docker.mkdir()
    [problem] = docker_engine.unready(instance)
    assert "the Docker engine does not serve" in problem and "logs dockerd`" in problem


def test_an_engine_that_serves_is_no_problem(instance: Instance) -> None:
    instance.docker.mkdir()
    instance.run.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(instance.docker_socket))
        server.listen()
        threading.Thread(target=_answer, args=(server,), daemon=True).start()
        assert docker_engine.unready(instance) == []


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        assert connection.recv(4096).startswith(b"GET /_ping ")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK")
