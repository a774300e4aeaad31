"""Giving a PULUMI_HOME its plugins.

An official plugin is used where it lies beside `pulumi`, where it is installed already, or where
`pulumi plugin install` reaches it; otherwise the stand-in is. SLIPWAY_PLUGINS decides otherwise: the
word `stand-ins`, or a directory with official plugins, of which those there are used.
"""

import filecmp
import os
import shlex
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from sandbox.instance import SandboxError
from sandbox.shell import run

CHOICE = "SLIPWAY_PLUGINS"
STAND_INS = "stand-ins"
# Where `pulumi plugin install` finds a plugin: https://www.pulumi.com/docs/iac/concepts/plugins/
RELEASES = "https://get.pulumi.com/"
REACHED_WITHIN = 5.0  # seconds
DOWNLOADED_WITHIN = 300.0  # seconds
RETRY_AFTER = 3600.0  # seconds after an attempt that failed
_MARK = "#!/bin/sh\n# A stand-in of Slipway's sandbox for the official Pulumi plugin of this name.\n"


@dataclass(frozen=True)
class Plugin:
    """A plugin and the module of its stand-in. What is `bundled` comes with the official CLI alone."""

    kind: str
    name: str
    version: str
    module: str
    bundled: bool = False
    beside: tuple[str, ...] = ()

    @property
    def executable(self) -> str:
        """The name of the plugin's program."""
        return f"pulumi-{self.kind}-{self.name}"

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


PLUGINS = (
    Plugin(
        "language", "python", version("pulumi"), "sandbox.plugins.language_python.__main__",
        bundled=True, beside=("pulumi-language-python-exec",),
    ),
    Plugin(
        "resource", "pulumi-python", version("pulumi"), "sandbox.plugins.language_python.dynamic",
        bundled=True,
    ),
    Plugin("resource", "kubernetes", version("pulumi-kubernetes"), "sandbox.plugins.kubernetes.__main__"),
)  # fmt: skip


@dataclass(frozen=True)
class Installed:
    """A plugin that is in use, and whether it is the official one."""

    plugin: Plugin
    path: Path
    official: bool

    def __str__(self) -> str:
        return f"{self.plugin} ({'official' if self.official else 'stand-in'})"


def install(environment: Mapping[str, str]) -> list[Installed]:
    """Install what is missing into the environment's PULUMI_HOME, and return what is in use.

    Raises SandboxError when SLIPWAY_PLUGINS asks for what cannot be.
    """
    choice = environment.get(CHOICE, "")
    if choice not in ("", STAND_INS) and not any(Path(choice, one.executable).exists() for one in PLUGINS):
        raise SandboxError(
            f"{CHOICE}={choice} is neither `{STAND_INS}` nor a directory with official plugins"
        )
    for plugin in PLUGINS:
        _ensure(plugin, environment, choice)
    return in_use(environment)


def in_use(environment: Mapping[str, str]) -> list[Installed]:
    """The plugins that the environment's Pulumi would run; one that is missing is left out."""
    found = ((plugin, _present(plugin, environment)) for plugin in PLUGINS)
    return [Installed(plugin, path, not _stands_in(path)) for plugin, path in found if path]


def put(plugin: Plugin, files: Mapping[str, Path], environment: Mapping[str, str]) -> None:
    """Install a plugin from its files, by their names in the plugin's directory."""
    with tempfile.TemporaryDirectory() as directory:
        for name, file in files.items():
            shutil.copy2(file, Path(directory, name))
        run(
            "pulumi", "plugin", "install", plugin.kind, plugin.name, plugin.version,
            "--file", directory, "--reinstall",
            env={**environment, "PULUMI_DEV": "true"},  # or the CLI refuses those that it is bundled with
        )  # fmt: skip


def _ensure(plugin: Plugin, environment: Mapping[str, str], choice: str) -> None:
    bundled = _beside_pulumi(plugin, environment)
    if choice:
        if bundled:
            raise SandboxError(
                f"{CHOICE}={choice} has no effect: {bundled} lies beside pulumi, which runs it in any case. "
                f"Put a pulumi without plugins beside it first on PATH, or unset {CHOICE}."
            )
        if choice != STAND_INS and Path(choice, plugin.executable).exists():
            _put_official(plugin, Path(choice), environment)
        else:
            _put_stand_in(plugin, environment)
        return
    present = _present(plugin, environment)
    if present and not _stands_in(present):
        return
    for directory in _elsewhere(plugin, environment):
        with suppress(SandboxError):
            _put_official(plugin, directory, environment)
            return
    if plugin.bundled or not _downloaded(plugin, environment):
        _put_stand_in(plugin, environment)


def _present(plugin: Plugin, environment: Mapping[str, str]) -> Path | None:
    installed = _home(environment) / "plugins" / f"{plugin.kind}-{plugin.name}-v{plugin.version}"
    candidates = (_beside_pulumi(plugin, environment), installed / plugin.executable)
    return next((path for path in candidates if path and path.exists()), None)


def _beside_pulumi(plugin: Plugin, environment: Mapping[str, str]) -> Path | None:
    """A bundled plugin, which the CLI looks for beside its own file, wherever links to it lie."""
    if not plugin.bundled:
        return None
    pulumi = shutil.which("pulumi", path=environment["PATH"])
    if not pulumi:
        raise SandboxError("pulumi is not on PATH: run `python -m sandbox up`")
    beside = Path(pulumi).resolve().with_name(plugin.executable)
    return beside if os.access(beside, os.X_OK) else None


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment["PULUMI_HOME"])


def _stands_in(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK.encode()


def _elsewhere(plugin: Plugin, environment: Mapping[str, str]) -> Iterator[Path]:
    """The directories where the user has the official plugin, perhaps of another version."""
    own = Path.home() / ".pulumi"
    searched = [*map(Path, environment["PATH"].split(os.pathsep)), own / "bin"]
    searched.append(own / "plugins" / f"{plugin.kind}-{plugin.name}-v{plugin.version}")
    for directory in searched:
        executable = directory / plugin.executable
        if os.access(executable, os.X_OK) and not _stands_in(executable):
            yield executable.resolve().parent


def _put_official(plugin: Plugin, directory: Path, environment: Mapping[str, str]) -> None:
    from sandbox.plugins.probe import version_of  # loads gRPC, which `sandbox env` can do without

    files = {name: directory / name for name in (plugin.executable, *plugin.beside)}
    for file in files.values():
        if not file.exists():
            raise SandboxError(f"{file} does not exist: the official {plugin} is looked for there")
    program = files[plugin.executable]
    present = _present(plugin, environment)
    if present and filecmp.cmp(present, program, shallow=False):
        return
    # pulumi-python is a script that tells no version.
    found = plugin.version if plugin.name == "pulumi-python" else version_of(plugin.kind, program)
    if found != plugin.version:
        raise SandboxError(f"{program} is version {found}: {plugin.version} is needed")
    put(plugin, files, environment)


def _put_stand_in(plugin: Plugin, environment: Mapping[str, str]) -> None:
    project = Path(__file__).parents[2]
    # Isolated (-I): neither the user's directory nor PYTHONPATH may hide a module of the stand-in.
    start = f"import sys; sys.path.insert(0, {str(project)!r}); from {plugin.module} import main; main()"
    launcher = f'{_MARK}exec {shlex.quote(sys.executable)} -I -c {shlex.quote(start)} "$@"\n'
    # The engine keeps a plugin's schema until another is installed; ours may have changed with the sources.
    (_home(environment) / "schemas" / f"{plugin.name}-{plugin.version}.json").unlink(missing_ok=True)
    present = _present(plugin, environment)
    if present and present.read_bytes() == launcher.encode():
        return
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, plugin.executable)
        file.write_text(launcher)
        file.chmod(0o755)
        put(plugin, {plugin.executable: file}, environment)


def _downloaded(plugin: Plugin, environment: Mapping[str, str]) -> bool:
    failed = _home(environment) / f"{plugin.executable}-{plugin.version}.unreachable"
    if failed.exists() and time.time() - failed.stat().st_mtime < RETRY_AFTER:
        return False
    try:
        _reach(RELEASES)
        run(
            "pulumi", "plugin", "install", plugin.kind, plugin.name, plugin.version, "--reinstall",
            env=environment, timeout=DOWNLOADED_WITHIN,
        )  # fmt: skip
    except (OSError, SandboxError):
        failed.touch()
        return False
    failed.unlink(missing_ok=True)
    return True


def _reach(address: str) -> None:
    """Raise OSError unless something answers there: far quicker than waiting for the CLI's retries."""
    with suppress(urllib.error.HTTPError):
        urllib.request.urlopen(address, timeout=REACHED_WITHIN).close()  # noqa: S310 - a constant https address
