"""Pulumi's resource plugins: downloaded where possible, otherwise compiled from Go modules.

The engine finds its language host, which is not a resource plugin, in its own directory.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from sandbox.platform import environment
from sandbox.platform.instance import Instance, SandboxError
from sandbox.progress import Progress
from sandbox.shell import run
from sandbox.tools import reachability
from sandbox.tools.catalogue import DOCKER_BUILD, DOCKER_PLUGIN, KUBERNETES_PLUGIN
from sandbox.tools.toolchain import Toolchain

DOWNLOAD_TIMEOUT_S = 300.0
MARKER = "compiled-here.json"
# The first lines of the programs that versions before the compiled plugins installed in their place.
_STAND_IN = b"#!/bin/sh\n# A stand-in of Slipway's sandbox"


@dataclass(frozen=True)
class Plugin:
    """A resource plugin: the version that the Python SDK requires, and the one that is compiled."""

    name: str
    version: str
    compiled: str
    files: tuple[str, ...] = ()
    origin: str = "official"
    """What the compiled one is."""

    @property
    def executable(self) -> str:
        """The name of the plugin's program."""
        return f"pulumi-resource-{self.name}"

    @property
    def directory(self) -> str:
        """The name of its directory in PULUMI_HOME/plugins."""
        return f"resource-{self.name}-v{self.version}"


PLUGINS = (
    Plugin("docker-build", version("pulumi-docker-build"), DOCKER_BUILD),
    Plugin(
        "kubernetes",
        version("pulumi-kubernetes"),
        KUBERNETES_PLUGIN,
        ("schema.json", "terraform-mapping.json"),
    ),
)
DOCKER = Plugin("docker", version("pulumi-docker"), DOCKER_PLUGIN, origin="official parts")
"""For stacks on a Docker engine only."""


def ensure(instance: Instance, tools: Toolchain, progress: Progress, more: tuple[Plugin, ...] = ()) -> None:
    """Install the missing plugins, and replace compiled ones if the required version can be downloaded."""
    with progress.step("install Pulumi's plugins"):
        for plugin in (*_remove_stand_ins(instance.pulumi_home), *PLUGINS, *more):
            installed, own = _directory(instance, plugin), Path.home() / ".pulumi/plugins" / plugin.directory
            if (installed / plugin.executable).exists() and not (installed / MARKER).exists():
                continue
            if (own / plugin.executable).exists():
                _install(instance, plugin, own)
            elif not _download(instance, plugin):
                _install_compiled(instance, plugin, Path(tools.path(plugin.executable)))


def report(instance: Instance) -> list[str]:
    """Describe the version and the origin of each installed plugin."""
    return [
        _describe(plugin, _directory(instance, plugin))
        for plugin in (*PLUGINS, DOCKER)
        if _directory(instance, plugin).exists()
    ]


def _remove_stand_ins(home: Path) -> Iterator[Plugin]:
    """Remove the stand-ins of earlier versions, and yield the plugins that they replaced.

    Until the next update, a state requires the version of the plugin that created it.
    """
    for directory in sorted(home.glob("plugins/*-v*")):
        name, _, release = directory.name.rpartition("-v")
        if _is_stand_in(directory / f"pulumi-{name}"):
            shutil.rmtree(directory)
            for plugin in PLUGINS:
                if name == f"resource-{plugin.name}":
                    yield replace(plugin, version=release)


def _is_stand_in(program: Path) -> bool:
    if not program.exists():
        return False
    with program.open("rb") as file:  # a plugin has some 90 MB
        return file.read(len(_STAND_IN)) == _STAND_IN


def _directory(instance: Instance, plugin: Plugin) -> Path:
    return instance.pulumi_home / "plugins" / plugin.directory


def _describe(plugin: Plugin, directory: Path) -> str:
    if not (directory / MARKER).exists():
        return f"{plugin.name} {plugin.version} (official)"
    compiled = json.loads((directory / MARKER).read_text())["version"]
    required = "" if compiled == plugin.version else f" for {plugin.version}"
    return f"{plugin.name} {compiled} ({plugin.origin}, compiled here){required}"


def _install_compiled(instance: Instance, plugin: Plugin, executable: Path) -> None:
    """Install the compiled release in place of the one that the SDK requires."""
    marker = json.dumps({"version": plugin.compiled, "executable": str(executable)})
    installed = _directory(instance, plugin) / MARKER
    if installed.exists() and installed.read_text() == marker:
        return
    with tempfile.TemporaryDirectory() as directory:
        for name in (plugin.executable, *plugin.files):
            shutil.copy2(executable.with_name(name), directory)
        Path(directory, MARKER).write_text(marker)
        _install(instance, plugin, Path(directory))


def _install(instance: Instance, plugin: Plugin, directory: Path) -> None:
    _pulumi_install(instance, plugin, "--file", str(directory))
    # The engine caches the schema of a plugin by its version, also when another release replaces it.
    (instance.pulumi_home / f"schemas/{plugin.name}-{plugin.version}.json").unlink(missing_ok=True)


def _download(instance: Instance, plugin: Plugin) -> bool:
    if not reachability.pulumi_releases():
        return False
    try:
        _pulumi_install(instance, plugin)
    except SandboxError:
        reachability.record_failed_download()
        return False
    return True


def _pulumi_install(instance: Instance, plugin: Plugin, *options: str) -> None:
    command = ("pulumi", "plugin", "install", "resource", plugin.name, plugin.version, "--reinstall")
    run(*command, *options, env=environment.process(instance), timeout=DOWNLOAD_TIMEOUT_S)
