"""The sandbox's environment with plugins of a chosen origin."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.plugins.install import CHOICE, PLUGINS, STAND_INS, in_use, install

STAND_IN, OFFICIAL = "stand-in", "official"


def environment(
    sandbox: Mapping[str, str], origin: str, needed: str, directory: Path, *, alone: bool = False
) -> dict[str, str]:
    """The sandbox's environment with a Pulumi of its own, which has the plugins of one origin.

    Skips the test when the official plugin that it `needed` is not on this machine. If that is to be `alone`,
    the others are stand-ins.
    """
    # Apart from what may lie beside the sandbox's own pulumi, which would be run in any case.
    programs = directory / "bin"
    programs.mkdir(parents=True)
    found = shutil.which("pulumi", path=sandbox["PATH"])
    assert found, "the sandbox has no pulumi"
    shutil.copy2(Path(found).resolve(), programs / "pulumi")
    choice = (
        STAND_INS if origin == STAND_IN else str(_officials(sandbox, directory / "official", needed, alone))
    )
    own = {
        **sandbox,
        "PATH": f"{programs}{os.pathsep}{sandbox['PATH']}",
        "PULUMI_HOME": str(directory / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_DEBUG_COMMANDS": "true",  # for --event-log
        CHOICE: choice,
    }
    own.pop("PULUMI_CONFIG_PASSPHRASE_FILE")
    using = {one.plugin.name: one.official for one in install(own)}
    assert using[needed] is (origin == OFFICIAL)
    for plugin in Path(sandbox["PULUMI_HOME"], "plugins").glob("resource-docker-build-v*/"):
        (directory / "home/plugins" / plugin.name).symlink_to(plugin)  # or each command tries to download it
    return own


def _officials(sandbox: Mapping[str, str], directory: Path, needed: str, alone: bool) -> Path:
    """A directory with the official plugins that this machine has."""
    named = sandbox.get(CHOICE, "")
    if named and named != STAND_INS:
        paths = {plugin: Path(named, plugin.executable).absolute() for plugin in PLUGINS}
        official = {plugin: path for plugin, path in paths.items() if path.exists()}
    else:
        official = {one.plugin: one.path for one in in_use(sandbox) if one.official}
    if all(plugin.name != needed for plugin in official):
        pytest.skip(f"not run: no official plugin ({needed})")
    directory.mkdir()
    for plugin, path in official.items():
        if plugin.name == needed or not alone:
            for name in (plugin.executable, *plugin.beside):
                (directory / name).symlink_to(path.with_name(name))
    return directory
