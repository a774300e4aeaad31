"""Which Pulumi plugins the packages of a project's Python need.

A package says so in the pulumi-plugin.json beside its code; an older one by being called pulumi-….
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any

from sandbox.plugins.language_python.toolchain import Toolchain
from sandbox.plugins.protocol import plugin_pb2

# Pulumi packages that have no plugin and do not say so.
WITHOUT_PLUGIN = ("pulumi-policy", "pulumi-esc-sdk")

# Runs in the project's Python, where nothing but the standard library is sure to be there.
_LIST = """
import importlib.metadata, importlib.util, json, os
seen = {}
for distribution in importlib.metadata.distributions():
    name = distribution.metadata["Name"]
    if not name or name in seen:
        continue
    seen[name] = {"name": name, "version": distribution.version, "plugin": None}
    try:
        spec = importlib.util.find_spec(name.replace("-", "_"))
    except (ImportError, ValueError):
        continue
    for folder in (spec and spec.submodule_search_locations) or ():
        path = os.path.join(folder, "pulumi-plugin.json")
        if os.path.isfile(path):
            with open(path) as file:
                seen[name]["plugin"] = json.load(file)
            break
print(json.dumps(list(seen.values())))
"""


@dataclass(frozen=True)
class Package:
    """An installed package; `plugin` is what its pulumi-plugin.json says, if it has one."""

    name: str
    version: str
    plugin: dict[str, Any] | None = None


def installed(toolchain: Toolchain, transitive: bool) -> list[Package]:
    """The installed packages; unless `transitive`, those that no other one needs."""
    more = () if transitive else ("--not-required",)
    listed = json.loads(toolchain.output("-m", "pip", "list", "--format", "json", *more))
    return [Package(normalised(package["name"]), package["version"]) for package in listed]


def required(toolchain: Toolchain) -> list[plugin_pb2.PackageDependency]:
    """The plugins that the installed packages need."""
    packages = [
        Package(normalised(found["name"]), found["version"], found["plugin"])
        for found in json.loads(toolchain.output("-c", _LIST))
    ]
    return [needed for package in packages if (needed := dependency(package))]


def dependency(package: Package) -> plugin_pb2.PackageDependency | None:
    """The plugin that a package needs, or None: it needs none, or its version names no plugin's version."""
    plugin = package.plugin
    if package.name in WITHOUT_PLUGIN:
        return None
    if plugin is None and not package.name.startswith("pulumi-"):
        return None
    if plugin is not None and not plugin.get("resource"):
        return None
    plugin = plugin or {}
    version = plugin.get("version") or plugin_version(package.version)
    if not version:
        return None
    return plugin_pb2.PackageDependency(
        name=plugin.get("name") or package.name.removeprefix("pulumi-"),
        version=version if version.startswith("v") else f"v{version}",
        kind="resource",
        server=plugin.get("server", ""),
        parameterization=_parameterization(plugin.get("parameterization")),
        extension=_parameterization(plugin.get("extensionParameterization")),
    )


def plugin_version(version: str) -> str | None:
    """The semantic version for a PEP 440 one: 1.2.0-alpha.3+post4 for 1.2a3.post4.

    None for an epoch or a local part, which have no counterpart.
    """
    parts = re.fullmatch(
        r"(\d+(?:\.\d+)*)(?:(a|b|rc)(\d+))?(?:\.(post\d+))?(?:\.(dev\d+))?", version, re.ASCII
    )
    if not parts:
        return None
    release, phase, number, post, dev = parts.groups()
    numbers = release.split(".")
    result = ".".join(numbers + ["0"] * (3 - len(numbers)))
    if phase:
        result += f"-{ {'a': 'alpha', 'b': 'beta', 'rc': 'rc'}[phase] }.{number}"
    return result + (f"+{post or ''}{dev or ''}" if post or dev else "")


def normalised(name: str) -> str:
    """A package's name as PEP 503 normalises it."""
    return re.sub(r"[-_.]+", "-", name.lower())


def _parameterization(described: dict[str, Any] | None) -> plugin_pb2.PackageParameterization | None:
    if described is None:
        return None
    return plugin_pb2.PackageParameterization(
        name=described["name"],
        version=described["version"],
        value=base64.b64decode(described.get("value", "")),
    )
