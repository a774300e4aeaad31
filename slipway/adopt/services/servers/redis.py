"""A service that runs Redis or Valkey, as the component."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from slipway.adopt import code
from slipway.adopt.code import Code
from slipway.adopt.reading import short_forms
from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.source import Source
from slipway.adopt.report import Report, join
from slipway.adopt.services import process
from slipway.adopt.services.fields import DEPLOY, FIELDS
from slipway.adopt.services.roles import Part
from slipway.adopt.services.settings import Settings

IMAGE = "redis:7-bookworm"
"""The component's own."""
DEFAULTS = (50, 64, 500, 128)
STORAGE = "1Gi"
_EVICTION = "noeviction|(allkeys|volatile)-(lru|lfu|random)|volatile-ttl"
_ARGUMENTS = ("requirepass", "appendonly", "maxmemory-policy")
_OWN = ("entrypoint", "user", "tmpfs", "shm_size", "configs", "secrets", "platform", "build", "scale")
_LEFT_OUT = {
    **dict.fromkeys(_OWN, "the component has its own"),
    **dict.fromkeys(("ports", "expose"), "only its clients in the cluster reach it; see `slipway open`"),
    **dict.fromkeys(
        ("healthcheck", "stop_grace_period", "depends_on"),
        "the component has its own probes, and waits for nothing",
    ),
}


@dataclass
class RedisTranslation:
    """The translation of one service."""

    part: Part
    service: Model
    source: Source
    report: Report
    claims: dict[str, str]
    """The claim of each volume that a component keeps its data in."""

    def statement(self, settings: Settings, others: Collection[str]) -> str:
        """Return the statement that makes the component.

        `others` are the values of other services' variables: a password among them must stay the same.
        """
        path, service = f"services.{self.part.service}", self.service
        self.report.settle(service, path, FIELDS)
        self.report.settle(service.get("deploy", {}), join(path, "deploy"), DEPLOY)
        arguments: dict[str, Code] = {"namespace": "namespace.name"}
        options = _options([str(word) for word in service.get("command") or []])
        password = str(options.get("requirepass") or (service.get("environment") or {}).get("REDIS_PASSWORD"))
        if password in others:
            key = settings.secret_key(f"{self.part.variable}_PASSWORD", password, self.part.name)
            settings.shared[password] = key
            arguments["password"] = code.invoke("config.require_secret", code.text(key))
        if self._keeps(path) or options.get("appendonly") == "yes":
            arguments["storage"] = code.text(STORAGE)
        if re.fullmatch(_EVICTION, eviction := options.get("maxmemory-policy", "")):
            arguments["eviction"] = code.text(eviction)
        if image := self._image(join(path, "image")):
            arguments["image"] = code.text(image)
        if resources := process.amounts(service, path, self.report, DEFAULTS):
            arguments["resources"] = resources
        self._record(path, [name for name in options if name not in _ARGUMENTS])
        return code.statement(
            self.part.variable, code.invoke("Redis", code.text(self.part.name), **arguments)
        )

    def _keeps(self, path: str) -> bool:
        """Return whether a volume has the data."""
        persistent = False
        for index, entry in enumerate(self.service.get("volumes", [])):
            place = f"{path}.volumes[{index}]"
            mount = short_forms.mount(entry, place)
            keys = self.source.keys(self.part.service, "volumes", index, ("type", "source", "target"))
            if mount.target in ("/data", "/bitnami/redis/data"):
                persistent = True
                self.claims[mount.source] = f"data-{self.part.name}-0"
                self.report.changed(place, f"storage: a claim of {STORAGE}, as Compose gives no size", *keys)
            else:
                self.report.left_out(place, "the component makes its configuration: use its arguments")
        return persistent

    def _image(self, path: str) -> str | None:
        image = str(self.service["image"])
        name, _, tag = image.partition("@")[0].rpartition(":")
        if image == IMAGE:
            self.report.translated(path, "the component's default")
        elif name.removeprefix("docker.io/").removeprefix("library/") in (
            "redis",
            "valkey/valkey",
        ) and re.match(r"\d", tag):
            self.report.translated(path, "image")
            return image
        else:
            self.report.changed(path, f"{IMAGE}: the component needs an official image with a version")
        return None

    def _record(self, path: str, rest: list[str]) -> None:
        if "command" in self.service:
            without = f"; without --{', --'.join(rest)}, which `transform` can add" if rest else ""
            self.report.changed(join(path, "command"), f"a configuration file of the component{without}")
        for key in self.service:
            if key in _LEFT_OUT:
                self.report.left_out(join(path, key), _LEFT_OUT[key])
        for name in self.service.get("environment") or {}:
            text = "the component makes a password, and gives it to its clients by `env` and `url`"
            self.report.changed(join(path, f"environment.{name}"), text)
        if "replicas" in self.service.get("deploy", {}):
            self.report.left_out(join(path, "deploy.replicas"), "the component has one replica")


def _options(words: list[str]) -> dict[str, str]:
    """Return the options of redis-server: `--save 60 1` is `save`, with "60 1"."""
    options: dict[str, str] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name, _, value = word[2:].partition(" ")
            options[name] = value
        elif name:
            options[name] = f"{options[name]} {word}".strip()
    return options
