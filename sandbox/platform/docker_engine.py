"""The Docker engine: Debian's dockerd in a network namespace, for stacks that run without a cluster.

Its packet filter and its forwarding are those of the namespace. Ports that containers publish are those of
the machine: the program that dockerd starts for each of them listens there.
"""

import shutil
import tempfile
from pathlib import Path

from sandbox.platform import files, node, readiness
from sandbox.platform.instance import Instance, SandboxError
from sandbox.platform.processes import Program
from sandbox.shell import inside, run
from sandbox.tools.toolchain import Toolchain

PACKAGE = "docker.io"
DOWNLOAD_TIMEOUT_S = 600.0
# The lists of packages may be missing, or older than the mirror's packages.
_DOWNLOAD = 'cd "$0" && { apt-get download "$1" || { apt-get update && apt-get download "$1"; }; }'
_DOCKERD = "usr/sbin/dockerd"
_MOUNTS = "docker"
# Connections to a container pass the namespace's filter, which admits those to published ports.
_PROXY = """#!/bin/sh
exec nsenter --net=/proc/$(cat {pid_file})/ns/net {docker_proxy} "$@"
"""
# Its own /run, which outlives a killed dockerd: there the next finds the networks that containers have left.
_PRIVATE_RUN = "mount -t tmpfs tmpfs /run"


def ensure(instance: Instance) -> None:
    """Unpack Debian's package unless dockerd is on PATH; installing it would start a dockerd on the host."""
    instance.docker.mkdir(exist_ok=True, mode=0o700)
    if shutil.which("dockerd"):
        return
    with files.locked(instance.cache_home / f"{PACKAGE}.lock"):
        if not _unpacked(instance).exists():
            _unpack(instance)
    client = instance.bin / "docker"
    if not shutil.which("docker") and not client.is_symlink():
        client.parent.mkdir(parents=True, exist_ok=True)
        client.symlink_to(_unpacked(instance) / "usr/bin/docker")


def problems(instance: Instance) -> list[str]:
    """Return why the engine cannot be installed: there is no dockerd, and no way to get Debian's."""
    if shutil.which("dockerd") or _unpacked(instance).exists() or shutil.which("apt-get"):
        return []
    return [f"dockerd is missing: install Docker's engine (Debian's name is {PACKAGE})"]


def _unpacked(instance: Instance) -> Path:
    return instance.cache_home / PACKAGE


def _unpack(instance: Instance) -> None:
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=instance.cache_home) as scratch:
        run("sh", "-c", _DOWNLOAD, scratch, PACKAGE, timeout=DOWNLOAD_TIMEOUT_S)
        [package] = Path(scratch).glob("*.deb")
        root = Path(scratch, "root")
        run("dpkg", "--extract", str(package), str(root))
        try:
            run(str(root / _DOCKERD), "--version")
        except SandboxError as error:
            # The libraries that other packages have; most machines have those too.
            raise SandboxError(
                f"{error}\nDebian's dockerd needs libraries that this machine lacks: install them "
                "(`apt-get install libdevmapper1.02.1`)"
            ) from error
        root.rename(_unpacked(instance))


def unready(instance: Instance) -> list[str]:
    """Return why dockerd does not serve; nothing without an engine."""
    if not instance.docker.exists():
        return []
    ping, socket = "http://localhost/_ping", instance.docker_socket
    return readiness.unserved(instance, "the Docker engine", ping, "dockerd", socket=socket)


def ensure_mounts(instance: Instance) -> None:
    """Create the mount namespace of the engine, unless it exists."""
    node.ensure_mount_namespace(instance, _MOUNTS, _PRIVATE_RUN)


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Return dockerd, and what makes the registry available in its namespace under the usual name."""
    enter = inside(instance.docker_netns)
    config = _config(instance)
    command = (*enter, f"--mount={node.mount_namespace(instance, _MOUNTS)}")
    loopback = (
        *enter, tools.path("socat"),
        f"TCP4-LISTEN:{instance.registry_port},bind=127.0.0.1,reuseaddr,fork,backlog=128",
        f"TCP4:{instance.control_ip}:5000",
    )  # fmt: skip
    return [
        Program("dockerd", (*command, _binary(instance, "dockerd"), "--config-file", str(config)), (config,)),
        Program("dockerd-registry", loopback),
    ]


def _binary(instance: Instance, name: str) -> str:
    return shutil.which(name) or str(_unpacked(instance) / "usr/sbin" / name)


def _config(instance: Instance) -> Path:
    proxy = files.write(
        instance.etc / "docker-proxy",
        _PROXY.format(pid_file=instance.supervisor_pid_file, docker_proxy=_binary(instance, "docker-proxy")),
        mode=0o755,
    )
    registry = f"localhost:{instance.registry_port}"
    return files.write_json(
        instance.etc / "dockerd.json",
        {
            "hosts": [f"unix://{instance.docker_socket}"],
            "data-root": str(instance.docker),
            "exec-root": str(instance.run / "docker"),
            "pidfile": str(instance.run / "dockerd.pid"),
            "cgroup-parent": f"/{instance.cgroup}/docker",
            "storage-driver": "overlay2",
            "userland-proxy-path": str(proxy),
            "default-address-pools": [{"base": instance.container_cidr, "size": 24}],
            "bip": instance.container_cidr.replace("0.0/16", "255.1/24"),
            "registry-mirrors": [f"http://{registry}"],
            "insecure-registries": [registry],
            # Supervisord waits 5 seconds before it kills.
            "shutdown-timeout": 4,
        },
    )
