"""The application to adopt: its Compose model, and its files as their authors wrote them."""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway import process
from slipway.adopt.code import text
from slipway.adopt.reading.compose_files import Model, extended, find, load, merge
from slipway.adopt.reading.interpolation import interpolate, read_variables
from slipway.adopt.reading.short_forms import single_ports
from slipway.errors import BadSource, CommandFailed

COMPOSE_TIMEOUT_S = 60
OVERRIDES = tuple(
    f"{stem}.override.{end}" for stem in ("compose", "docker-compose") for end in ("yaml", "yml")
)
"""Files that Compose merges by default."""
_OVERRIDE = "it is for development, as a rule: to merge it, name both files with --file"
_EXTENDS = "the fields that it names are in the report like the service's own"


@dataclass(frozen=True)
class Source:
    """An application, as a Compose model."""

    name: str
    """The file that describes it, for the report and the program."""
    directory: Path
    model: Model
    """Interpolated and merged: what Compose runs."""
    written: Model
    """Merged, with the variables as the authors wrote them."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables that Compose has: of .env and of the environment."""
    root: str = "app"
    """The path of the directory as the program has it."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """Without a Compose file, where the fields of the model come from."""
    lines: Sequence[tuple[str, str, bool]] = ()
    """Further fields: the path, a text, and whether the program has it."""
    profiles: Sequence[str] = ()
    """The profiles that COMPOSE_PROFILES chooses."""

    def services(self, profiles: Sequence[str]) -> dict[str, Model]:
        """Return the services that run with these profiles."""
        return {
            name: service
            for name, service in self.model["services"].items()
            if not service.get("profiles") or {"*", *service["profiles"]} & set(profiles)
        }

    def keys(self, service: str, field: str, index: int, known: Sequence[str]) -> tuple[str, ...]:
        """Return the known keys that an entry of a list was written with: none in its short form."""
        entries = self.written["services"].get(service, {}).get(field, [])
        entry = entries[index] if index < len(entries) else {}
        return tuple(key for key in known if key.partition(".")[0] in entry)

    def expression_of(self, file: Path) -> str:
        """Return the code for the path of a file, relative to the program."""
        relative = os.path.relpath(file.resolve(), self.directory.resolve())
        return f"Path({text(Path(os.path.normpath(Path(self.root) / relative)).as_posix())})"

    def expression(self, *path: str) -> str | None:
        """Return a value as its author wrote it, if it is a text."""
        value: Any = self.written
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else None


def read(
    directory: Path, files: Sequence[Path], root: str, environment: Mapping[str, str] = os.environ
) -> Source | None:
    """Read the Compose files of a directory: with `docker compose` if it is installed, else without.

    Without `files`, those of COMPOSE_FILE are read, or the directory's own, and None returned if it has none.
    https://docs.docker.com/compose/how-tos/environment-variables/envvars/

    Raises:
        BadSource: a file cannot be read, or Compose refuses it.
    """
    variables = _variables(directory, environment)
    if not files and (chosen := variables.get("COMPOSE_FILE")):
        names = chosen.split(variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)
        files = [directory / name for name in names if name]
    given = bool(files)
    if not files:
        own = find(directory)
        files = [own] if own else []
    if not files:
        return None
    merged: Model = {"services": {}}
    lines = [] if given else [(name, _OVERRIDE, False) for name in OVERRIDES if (directory / name).is_file()]
    for file in files:
        raw = load(file)
        merged = merge(merged, extended(raw, file, lambda model: model))
        extending = [name for name, service in raw["services"].items() if "extends" in service]
        lines += [(f"services.{name}.extends", _EXTENDS, True) for name in extending]
    if not merged["services"]:
        raise BadSource(f"{files[0]} has no services: add one under `services:`")
    model = _from_docker_compose(directory, files, variables, environment) or without_docker_compose(
        directory, files, variables
    )
    written = with_own_paths(_with_included(merged, model))
    model = _like(model, written)
    _check(model, files[0])
    profiles = [name for name in re.split(r"[,\s]+", variables.get("COMPOSE_PROFILES", "")) if name]
    return Source(files[0].name, directory, model, written, variables, root, lines=lines, profiles=profiles)


def _with_included(written: Model, model: Model) -> Model:
    """Return what was written, and of files that it includes what Compose made of them."""
    sections = ("services", "volumes", "secrets", "configs") if "include" in written else ()
    own = {name: written.get(name) or {} for name in sections}
    more = {
        name: {key: item for key, item in (model.get(name) or {}).items() if key not in own[name]}
        for name in sections
    }
    return {**written, **{name: own[name] | more[name] for name in sections if own[name] or more[name]}}


def _variables(directory: Path, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables that Compose has: those of .env, and before them those of the environment."""
    dotenv = directory / ".env"
    return {**(read_variables(dotenv, environment) if dotenv.is_file() else {}), **environment}


def without_docker_compose(directory: Path, files: Sequence[Path], variables: Mapping[str, str]) -> Model:
    """Return what Compose would run, without Compose."""

    def prepare(model: Model) -> Model:
        filled: Model = interpolate(model, variables)
        return filled

    merged: Model = {"services": {}}
    for file in files:
        if "include" in load(file):
            raise BadSource(
                f"{file} has `include`, which only Compose reads: install docker compose, or merge the files"
            )
        merged = merge(merged, extended(prepare(load(file)), file, prepare))
    for name, service in merged["services"].items():
        _complete(service, name, directory, variables)
    return merged


def _complete(service: Model, name: str, directory: Path, variables: Mapping[str, str]) -> None:
    """Fill in the variables of files and of this machine, and split commands into words."""
    given = service.get("environment") or {}
    own = {key: variables.get(key) if value is None else value for key, value in given.items()}
    files = service.pop("env_file", None) or []
    from_files: dict[str, Any] = {}
    for entry in [files] if isinstance(files, str | Mapping) else files:
        path = entry.get("path") if isinstance(entry, Mapping) else entry
        file = directory / str(path)
        if file.is_file():
            from_files |= read_variables(file, variables)
        elif not isinstance(entry, Mapping) or entry.get("required", True):
            raise BadSource(
                f"services.{name}.env_file is {str(path)!r}, but there is no {file}:"
                " make it, perhaps from an example next to it"
            )
    if both := {**from_files, **own}:
        service["environment"] = both
    if "ports" in service:
        service["ports"] = single_ports(service["ports"])
    for key in ("command", "entrypoint"):
        if isinstance(service.get(key), str):
            service[key] = _words(service[key], f"services.{name}.{key}")
    test = service.get("healthcheck", {}).get("test")
    if isinstance(test, str):
        service["healthcheck"] = {**service["healthcheck"], "test": ["CMD-SHELL", test]}


def _words(value: str, path: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError as error:
        raise BadSource(f"{path} has no end: {error}. Close the quotes") from None


def _from_docker_compose(
    directory: Path, files: Sequence[Path], variables: Mapping[str, str], environment: Mapping[str, str]
) -> Model | None:
    """Return what `docker compose` makes of the files; None if it is not installed."""
    named = [word for file in files for word in ("--file", str(file.resolve()))]
    command = ("docker", "compose", "--project-directory", str(directory), *named, "--profile", "*")
    try:
        if process.run("docker", "compose", "version", timeout_s=COMPOSE_TIMEOUT_S).code:
            return None
        done = process.run(
            *command, "config", "--format", "json", environment=environment, timeout_s=COMPOSE_TIMEOUT_S
        )
    except CommandFailed:
        return None
    if done.code:
        for file in files:
            interpolate(
                load(file), variables
            )  # its message has no value, which may be a secret; Compose's has
        raise BadSource(f"docker compose refuses {files[0]}: {done.error}")
    model: Model = _without_nulls(json.loads(done.text))
    for service in model["services"].values():
        if context := service.get("build", {}).get("context"):
            service["build"]["context"] = os.path.relpath(context, directory.resolve())
    return model


def _without_nulls(value: Any) -> Any:
    """Return a model without what is not set, and with single dollars: Compose doubles them."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def _like(model: Model, written: Model) -> Model:
    """Return a model in the order in which it was written, without the defaults that Compose adds."""
    services = {}
    for name in _in_order(model["services"], written["services"]):
        service, own = model["services"][name], written["services"].get(name, model["services"][name])
        kept = {key: service[key] for key in _in_order(service, own) if key in own or key == "environment"}
        for group in ("build", "deploy", "environment", "depends_on"):
            if isinstance(kept.get(group), dict):
                kept[group] = _ordered(kept[group], own.get(group) or {}, more=group == "environment")
        if args := kept.get("build", {}).get("args"):
            kept["build"]["args"] = _ordered(args, own["build"].get("args") or {}, more=False)
        services[name] = kept
    return {**model, "services": services}


def _ordered(mapping: Mapping[str, Any], like: Mapping[str, Any], *, more: bool) -> Model:
    """Return a mapping in the order of another; Compose leaves out what has no value."""
    keys = [*like, *sorted(key for key in mapping if more and key not in like)]
    return {key: mapping.get(key) for key in keys if key in mapping or like[key] is None}


def _in_order(mapping: Mapping[str, Any], like: Mapping[str, Any]) -> list[str]:
    return [*(key for key in like if key in mapping), *sorted(key for key in mapping if key not in like)]


def with_own_paths(model: Model) -> Model:
    """Return a model in which each element of a list of short forms has a path of its own."""
    services = {
        name: {
            key: [item if isinstance(item, Mapping) else {"": item} for item in single_ports(value)]
            if key in ("ports", "volumes", "secrets", "configs") and isinstance(value, list)
            else value
            for key, value in service.items()
        }
        for name, service in model["services"].items()
    }
    return {**model, "services": services}


def _check(model: Model, file: Path) -> None:
    """Refuse what Compose refuses."""
    for name, service in model["services"].items():
        if not service.get("image") and not service.get("build"):
            raise BadSource(f"services.{name} in {file} has neither `image` nor `build`: add one")
        for needed in service.get("depends_on", {}):
            if needed not in model["services"]:
                raise BadSource(
                    f"services.{name}.depends_on names {needed!r}, but the services are"
                    f" {', '.join(model['services'])}"
                )
        for kind in ("secrets", "configs"):
            for entry in service.get(kind, []):
                source = entry.get("source") if isinstance(entry, Mapping) else entry
                if source not in (model.get(kind) or {}):
                    known = ", ".join(model.get(kind) or {}) or "none"
                    raise BadSource(
                        f"services.{name}.{kind} names {source!r}, but the {kind} of {file} are {known}"
                    )
