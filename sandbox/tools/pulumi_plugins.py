"""Pulumi's resource plugins: downloaded where possible, otherwise compiled from Go modules.

The engine finds its language host, which is not a resource plugin, in its own directory.
"""

import filecmp
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sandbox.platform import environment, files
from sandbox.platform.instance import Instance, SandboxError
from sandbox.progress import Progress
from sandbox.shell import run
from sandbox.tools import releases
from sandbox.tools.families import DOCKER_BUILD, DOCKER_PLUGIN, KUBERNETES_PLUGIN
from sandbox.tools.toolchain import Toolchain

DOWNLOAD_TIMEOUT_S = 300.0
MARKER = "compiled-here.json"
# The first lines of the stand-ins that earlier versions installed in place of plugins.
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

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


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
    env = environment.process(instance)
    home = Path(env["PULUMI_HOME"])
    with progress.step("install Pulumi's plugins"):
        _remove_unmarked_plugin(instance, home)
        for plugin in (*_remove_stand_ins(home), *PLUGINS, *more):
            _ensure(plugin, tools, env)


def report(instance: Instance) -> list[str]:
    """Describe the version and the origin of each installed plugin."""
    home = Path(environment.process(instance)["PULUMI_HOME"])
    return [
        _describe(plugin, home / "plugins" / plugin.directory)
        for plugin in (*PLUGINS, DOCKER)
        if (home / "plugins" / plugin.directory).exists()
    ]


def _describe(plugin: Plugin, directory: Path) -> str:
    if not (directory / MARKER).exists():
        return f"{plugin} (official)"
    compiled = json.loads((directory / MARKER).read_text())["version"]
    required = "" if compiled == plugin.version else f" for {plugin.version}"
    return f"{plugin.name} {compiled} ({plugin.origin}, compiled here){required}"


def _ensure(plugin: Plugin, tools: Toolchain, env: Mapping[str, str]) -> None:
    installed = Path(env["PULUMI_HOME"], "plugins", plugin.directory)
    if (installed / plugin.executable).exists() and not (installed / MARKER).exists():
        return
    own = Path.home() / ".pulumi/plugins" / plugin.directory
    if (own / plugin.executable).exists():
        _install(plugin, own, [plugin.executable, *_others(own, plugin)], env)
    elif not (releases.reachable() and _download(plugin, env)):
        _install_compiled(plugin, tools, env)


def _others(directory: Path, plugin: Plugin) -> list[str]:
    return [file.name for file in directory.iterdir() if file.is_file() and file.name != plugin.executable]


def _install_compiled(plugin: Plugin, tools: Toolchain, env: Mapping[str, str]) -> None:
    """Install the compiled release in place of the one that the SDK requires."""
    executable = Path(tools.path(plugin.executable))
    marker = executable.parent / f"{plugin.name}-{MARKER}"
    files.write(marker, json.dumps({"version": plugin.compiled, "executable": str(executable)}))
    installed = Path(env["PULUMI_HOME"], "plugins", plugin.directory, MARKER)
    if installed.exists() and filecmp.cmp(installed, marker, shallow=False):
        return
    _install(plugin, executable.parent, [plugin.executable, *plugin.files], env, {MARKER: marker})


def _install(
    plugin: Plugin,
    source: Path,
    names: list[str],
    env: Mapping[str, str],
    more: Mapping[str, Path] | None = None,
) -> None:
    """Install a plugin from named files of a directory; `more` maps further names to files."""
    with tempfile.TemporaryDirectory() as directory:
        for name, file in {**{name: source / name for name in names}, **(more or {})}.items():
            shutil.copy2(file, Path(directory, name))
        run(
            "pulumi", "plugin", "install", "resource", plugin.name, plugin.version,
            "--file", directory, "--reinstall", env=env,
        )  # fmt: skip
    # The engine caches the schema of a plugin by its version, also when another release replaces it.
    schema = Path(env["PULUMI_HOME"], "schemas", f"{plugin.name}-{plugin.version}.json")
    schema.unlink(missing_ok=True)


def _download(plugin: Plugin, env: Mapping[str, str]) -> bool:
    try:
        run(
            "pulumi", "plugin", "install", "resource", plugin.name, plugin.version, "--reinstall",
            env=env, timeout=DOWNLOAD_TIMEOUT_S,
        )  # fmt: skip
    except SandboxError:
        releases.unreachable()
        return False
    return True


def _remove_stand_ins(home: Path) -> Iterator[Plugin]:
    """Remove the stand-ins that earlier versions installed, and return the plugins that they replaced.

    Until the next update, a state requires the version of the plugin that created it.
    """
    for directory in sorted(home.glob("plugins/*-v*")):
        kind, _, name = directory.name.rpartition("-v")[0].partition("-")
        if _is_stand_in(directory / f"pulumi-{kind}-{name}"):
            shutil.rmtree(directory)
            for plugin in PLUGINS:
                if (kind, name) == ("resource", plugin.name):
                    old = directory.name.rpartition("-v")[2]
                    yield Plugin(plugin.name, old, plugin.compiled, plugin.files)


def _remove_unmarked_plugin(instance: Instance, home: Path) -> None:
    """Remove the compiled docker-build plugin of an earlier version, which has no marker."""
    former = instance.state / "pulumi/docker-build"
    if former.exists():
        shutil.rmtree(home / "plugins" / PLUGINS[0].directory, ignore_errors=True)
        former.unlink()


def _is_stand_in(program: Path) -> bool:
    if not program.exists():
        return False
    with program.open("rb") as file:
        return file.read(len(_STAND_IN)) == _STAND_IN
