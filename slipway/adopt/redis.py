"""A service that runs Redis or Valkey, as the component."""

import re
from collections.abc import Mapping

from slipway.adopt import code, process, values
from slipway.adopt.code import Code
from slipway.adopt.files import Model
from slipway.adopt.report import Report, join
from slipway.adopt.roles import Part
from slipway.adopt.settings import Settings
from slipway.adopt.simple import DEPLOY, FIELDS
from slipway.adopt.source import Source

IMAGE = "redis:7-bookworm"
"""The component's own."""
DEFAULTS = (50, 64, 500, 128)
STORAGE = "1Gi"


def redis(service: Model, part: Part, path: str, source: Source, settings: Settings, report: Report) -> str:
    """Return the statement that makes the component."""
    report.settle(service, path, FIELDS)
    report.settle(service.get("deploy", {}), join(path, "deploy"), DEPLOY)
    arguments: dict[str, Code] = {"namespace": "namespace.name"}
    options = _options([str(word) for word in service.get("command") or []])
    password = options.get("requirepass") or (service.get("environment") or {}).get("REDIS_PASSWORD")
    if password and not password.startswith("$"):
        key = settings.secret_key(f"{part.variable}_PASSWORD", str(password), part.name)
        arguments["password"] = code.call("config.require_secret", code.text(key))
    keeps = _keeps(service, options, part.service, source, report)
    if keeps:
        arguments["storage"] = code.text(STORAGE)
    eviction = options.get("maxmemory-policy")
    if eviction and re.fullmatch("noeviction|(allkeys|volatile)-(lru|lfu|random)|volatile-ttl", eviction):
        arguments["eviction"] = code.text(eviction)
    if image := _image(service, join(path, "image"), report):
        arguments["image"] = code.text(image)
    if resources := process.amounts(service, path, report, DEFAULTS):
        arguments["resources"] = resources
    _record(service, options, path, report)
    return code.statement(part.variable, code.call("Redis", code.text(part.name), **arguments))


def _options(words: list[str]) -> dict[str, str]:
    """Return the options of redis-server: `--save 60 1` is `save`, with "60 1"."""
    options: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, mark, value = word[2:].partition(" ")
            options[name] = value if mark else ""
        elif name:
            options[name] = f"{options[name]} {word}".strip()
    return options


def _keeps(service: Model, options: Mapping[str, str], name: str, source: Source, report: Report) -> bool:
    """Return whether the data outlive a restart."""
    persistent = options.get("appendonly") == "yes"
    for index, entry in enumerate(service.get("volumes", [])):
        place = f"services.{name}.volumes[{index}]"
        mount = values.mount(entry, place)
        keys = source.keys(name, "volumes", index, ("type", "source", "target"))
        if mount.target in ("/data", "/bitnami/redis/data") and (mount.source or mount.kind == "bind"):
            persistent = True
            report.changed(place, f"storage: a claim of {STORAGE}, because Compose gives no size", *keys)
        else:
            report.left_out(place, "the component has a configuration of its own: use its arguments")
    return persistent


def _image(service: Model, path: str, report: Report) -> str | None:
    image = str(service["image"])
    name, _, tag = image.partition("@")[0].rpartition(":")
    if image == IMAGE:
        report.translated(path, "the component's default")
    elif name in ("redis", "library/redis", "docker.io/redis", "valkey/valkey") and re.match(r"\d", tag):
        report.translated(path, "image")
        return image
    else:
        report.changed(path, f"{IMAGE}: the component needs an official image with a version")
    return None


def _record(service: Model, options: Mapping[str, str], path: str, report: Report) -> None:
    if "command" in service:
        known = {"requirepass", "appendonly", "maxmemory-policy"}
        rest = ", ".join(f"--{name}" for name in options if name not in known)
        if rest:
            report.changed(
                join(path, "command"), f"arguments of the component; without {rest}: use `transform`"
            )
        else:
            report.changed(
                join(path, "command"), "arguments of the component, which makes a configuration file"
            )
    for key in (
        "entrypoint",
        "user",
        "tmpfs",
        "shm_size",
        "configs",
        "secrets",
        "platform",
        "build",
        "scale",
    ):
        if key in service:
            report.left_out(join(path, key), "the component has its own")
    for key in ("ports", "expose"):
        if key in service:
            report.left_out(
                join(path, key), "only its clients in the cluster reach it; `slipway open` opens a tunnel"
            )
    for key in ("healthcheck", "stop_grace_period", "depends_on"):
        if key in service:
            report.left_out(join(path, key), "the component has its own probes, and waits for nothing")
    for name in service.get("environment") or {}:
        text = "the component makes a password, and gives it to its clients by `env` and `url`"
        report.changed(join(path, f"environment.{name}"), text)
    if "replicas" in service.get("deploy", {}):
        report.left_out(join(path, "deploy.replicas"), "the component has one replica")
