"""The installed release of a plugin, and its description."""

import shutil
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.platform.instance import Instance, SandboxError
from sandbox.progress import Progress
from sandbox.tools import pulumi_plugins, reachability
from sandbox.tools.pulumi_plugins import Plugin
from sandbox.tools.toolchain import Toolchain

PLUGIN = Plugin("kubernetes", "4.34.2", "4.25.0", ("schema.json",))
STAND_IN = (
    "#!/bin/sh\n# A stand-in of Slipway's sandbox for the official Pulumi plugin of this name.\nexec python"
)


class Machine:
    """An instance with a compiled plugin and a simulated `pulumi`, on a machine without downloads."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.instance = Instance("test", home / "state", home / "cache")
        self.home = self.instance.pulumi_home
        self.own = home / ".pulumi/plugins" / PLUGIN.directory
        self.commands: list[tuple[str, ...]] = []
        self.download: str | None = None
        tools = home / "cache/slipway/tools/plugins"
        tools.mkdir(parents=True)
        (tools / PLUGIN.executable).write_text("compiled")
        (tools / "schema.json").write_text("{}")
        self.instance.libexec.mkdir(parents=True)
        (self.instance.libexec / PLUGIN.executable).symlink_to(tools / PLUGIN.executable)
        monkeypatch.setattr(Path, "home", lambda: home)
        monkeypatch.setattr(pulumi_plugins, "PLUGINS", (PLUGIN,))
        monkeypatch.setattr(pulumi_plugins, "run", self._pulumi)
        monkeypatch.setattr(reachability, "pulumi_releases", lambda: self.download is not None)
        monkeypatch.setattr(reachability, "record_failed_download", lambda: None)

    def _pulumi(self, *argv: str, **_options: object) -> str:
        self.commands.append(argv)
        kind, name, version, _reinstall, *options = argv[3:]
        target = self.home / f"plugins/{kind}-{name}-v{version}"
        shutil.rmtree(target, ignore_errors=True)
        if "--file" in options:
            shutil.copytree(options[options.index("--file") + 1], target)
        elif self.download == "fails":
            raise SandboxError("no such release")
        else:
            target.mkdir(parents=True)
            (target / PLUGIN.executable).write_text("downloaded")
        return ""

    def ensure(self) -> list[str]:
        with Progress(Console(quiet=True)) as progress:
            pulumi_plugins.ensure(self.instance, Toolchain(self.instance), progress)
        return pulumi_plugins.report(self.instance)

    def installed(self, version: str = PLUGIN.version) -> str:
        return (self.home / f"plugins/resource-kubernetes-v{version}" / PLUGIN.executable).read_text()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_the_compiled_release_replaces_the_required_one(machine: Machine) -> None:
    assert machine.ensure() == ["kubernetes 4.25.0 (official, compiled here) for 4.34.2"]
    assert machine.installed() == "compiled"
    assert machine.ensure() and len(machine.commands) == 1, "the second call installs nothing"


def test_an_available_release_is_downloaded(machine: Machine) -> None:
    machine.ensure()
    machine.download = "works"
    assert machine.ensure() == ["kubernetes 4.34.2 (official)"]
    assert machine.installed() == "downloaded"


def test_a_failed_download_keeps_the_compiled_release(machine: Machine) -> None:
    machine.download = "fails"
    assert machine.ensure() == ["kubernetes 4.25.0 (official, compiled here) for 4.34.2"]


def test_the_plugin_of_the_user_is_used(machine: Machine) -> None:
    machine.own.mkdir(parents=True)
    (machine.own / PLUGIN.executable).write_text("the user's")
    assert machine.ensure() == ["kubernetes 4.34.2 (official)"]
    assert machine.installed() == "the user's"


def test_the_stand_ins_of_earlier_versions_are_replaced(machine: Machine) -> None:
    for directory, program in (
        ("resource-kubernetes-v4.32.0", "pulumi-resource-kubernetes"),
        ("language-python-v3.259.0", "pulumi-language-python"),
    ):
        (machine.home / "plugins" / directory).mkdir(parents=True)
        (machine.home / "plugins" / directory / program).write_text(STAND_IN)
    machine.ensure()
    assert machine.installed("4.32.0") == machine.installed() == "compiled"
    assert not (machine.home / "plugins/language-python-v3.259.0").exists()
