"""Compose files, as they are and as Compose merges them.

https://docs.docker.com/reference/compose-file/merge/
"""

import re
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from slipway.adopt.reading.interpolation import read_text
from slipway.errors import BadSource

Model = dict[str, Any]
NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_PAIRS = ("environment", "labels", "annotations", "extra_hosts", "sysctls", "args")
_REPLACED = ("command", "entrypoint", "test")
_SHAPES: dict[tuple[type, ...], tuple[str, ...]] = {
    (list,): (
        "ports", "expose", "volumes", "secrets", "configs", "profiles", "build.platforms", "build.secrets",
    ),
    (dict,): (
        "deploy", "deploy.resources", "deploy.resources.limits", "deploy.resources.reservations", "develop",
        "healthcheck", "logging",
    ),
    (list, dict): ("build.args", "depends_on", "environment"),
    (str, list): ("command", "entrypoint", "healthcheck.test", "tmpfs"),
    (str, dict): ("build",),
    (str, list, dict): ("env_file",),
}  # fmt: skip
"""What Compose takes for fields of a service."""
_FULL = ("ports", "volumes", "secrets", "configs", "build.secrets", "env_file")
"""Lists whose items may be mappings."""
_NAMED = (*_PAIRS, "depends_on", "networks")
"""Mappings whose keys say something without a value too."""
_NOUNS: dict[type, str] = {list: "a list", dict: "a mapping", str: "a text"}


class _Loader(yaml.SafeLoader):
    """YAML 1.2, as Compose reads it: `yes` and `22:22` are texts; and each key appears once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[str] = set()
        for key, _ in node.value:
            if key.value in keys and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} appears twice", key.start_mark
                )
            keys.add(key.value)
        return super().construct_mapping(node, deep)


_KEPT = ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:null")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?[0-9]*\.[0-9]+([eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$"), list(_first))


def find(directory: Path) -> Path | None:
    """Return the Compose file of a directory, or None."""
    return next((directory / name for name in NAMES if (directory / name).is_file()), None)


def load(file: Path) -> Model:
    """Read a Compose file as it is, except that lists of pairs are mappings.

    Raises:
        BadSource: the file cannot be read, or is not a Compose file.
    """
    try:
        value = yaml.load(read_text(file), _Loader)  # noqa: S506 # a SafeLoader
    except yaml.MarkedYAMLError as error:  # without its lines, which may have a secret
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}," if mark else ""
        raise BadSource(f"{file}{line} is not YAML that Compose reads: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadSource(f"{file} is not YAML that Compose reads: {error}") from None
    if not isinstance(value, dict):
        raise BadSource(f"{file} must be a mapping with `services:`, but is {_kind(value)}")
    for section in ("services", "volumes", "networks", "configs", "secrets"):
        if value.get(section) is not None:
            _check(value[section], (dict,), section, file)
    services = {name: _given(item) for name, item in (value.get("services") or {}).items()}
    for name, service in services.items():
        _check(service, (dict,), f"services.{name}", file)
        _check_fields(service, f"services.{name}", file)
    return {**value, "services": {name: _service(item) for name, item in services.items()}}


def _given(value: Any, key: str = "") -> Any:
    """Return a value without empty fields, which Compose ignores; None if nothing is left."""
    if not isinstance(value, dict) or key in _NAMED:
        return value
    given = {name: _given(item, name) for name, item in value.items()}
    return {name: item for name, item in given.items() if item is not None} or (None if value else value)


def _check_fields(service: Model, path: str, file: Path) -> None:
    for shapes, fields in _SHAPES.items():
        for field in fields:
            if (value := _at(service, field)) is not None:
                _check(value, shapes, f"{path}.{field}", file)
                if isinstance(value, list) and field not in _FULL:
                    _check_items(value, f"{path}.{field}", file)


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _check(value: Any, shapes: tuple[type, ...], path: str, file: Path) -> None:
    if not isinstance(value, shapes):
        allowed = " or ".join(_NOUNS[shape] for shape in shapes)
        # The text in the place of a list of variables may be a secret.
        shown = _kind(value) if path.rpartition(".")[2] not in _PAIRS else "a single value"
        raise BadSource(f"{path} in {file} must be {allowed}, but is {shown}")


def _check_items(items: list[Any], path: str, file: Path) -> None:
    for index, item in enumerate(items):
        if isinstance(item, dict | list):  # as `- NAME: value`, which looks right in YAML
            raise BadSource(f"{path}[{index}] in {file} must be a single value, but is {_kind(item)}")


def _kind(value: Any) -> str:
    if value is None or isinstance(value, list | dict):
        return "empty" if value is None else _NOUNS[type(value)]
    names = {str: "the text", bool: "the value", int: "the number"}
    return f"{names.get(type(value), 'the value')} {value!r}"


def _service(service: Model) -> Model:
    """Return a service in the long forms that merging needs."""
    service = {key: _pairs(value) if key in _PAIRS else value for key, value in service.items()}
    build = service.get("build")
    if isinstance(build, str):
        service["build"] = {"context": build}
    elif isinstance(build, dict):
        service["build"] = {key: _pairs(value) if key in _PAIRS else value for key, value in build.items()}
    if needs := service.get("depends_on"):
        how = needs if isinstance(needs, dict) else {}
        service["depends_on"] = {
            str(name): how.get(name) or {"condition": "service_started"} for name in needs
        }
    return service


def _pairs(value: Any) -> Any:
    """Return a list of NAME=value as a mapping; a name alone has no value."""
    if not isinstance(value, list):
        return value
    split = [str(item).partition("=") for item in value]
    return {name: text if mark else None for name, mark, text in split}


def merge(base: Any, over: Any, key: str = "") -> Any:
    """Return a value with another above it: mappings are merged, lists are joined, the rest is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        both = {name: merge(base[name], over[name], name) for name in base if name in over}
        return {**base, **over, **both}
    if isinstance(base, list) and isinstance(over, list) and key not in _REPLACED:
        return [*base, *(item for item in over if item not in base)]
    return over


def extended(model: Model, file: Path, prepare: Callable[[Model], Model]) -> Model:
    """Return a model in which each service has what it extends; `prepare` is applied to other files.

    Raises:
        BadSource: a service that is extended does not exist, or extends itself.
    """
    services = model["services"]
    return {**model, "services": {name: _extended(model, name, file, prepare, ()) for name in services}}


def _extended(
    model: Model, name: str, file: Path, prepare: Callable[[Model], Model], seen: tuple[tuple[Path, str], ...]
) -> Model:
    if (file, name) in seen:
        raise BadSource(f"services.{name}.extends in {file} leads back to {name}: remove one `extends`")
    if name not in model["services"]:
        known = ", ".join(model["services"]) or "none"
        raise BadSource(f"extends names the service {name!r}, but {file} has {known}")
    service: Model = dict(model["services"][name])
    extends = service.pop("extends", None)
    if extends is None:
        return service
    target = {"service": extends} if isinstance(extends, str) else extends
    if not isinstance(target, Mapping) or "service" not in target:
        raise BadSource(
            f"services.{name}.extends in {file} must name a service: `extends: {{service: base}}`"
        )
    other, base_file = model, file
    if "file" in target:
        base_file = (file.parent / str(target["file"])).resolve()
        other = prepare(load(base_file))
    base = _extended(other, str(target["service"]), base_file, prepare, (*seen, (file, name)))
    if base_file.parent != file.parent:
        base = _moved(base, base_file.parent)
    merged: Model = merge({key: value for key, value in base.items() if key != "depends_on"}, service)
    if "depends_on" in base:
        merged["depends_on"] = merge(base["depends_on"], service.get("depends_on", {}))
    return merged


def _moved(service: Model, directory: Path) -> Model:
    """Return a service of a file elsewhere, with its paths from the root."""
    if isinstance(service.get("build"), dict) and (context := service["build"].get("context")):
        service = {**service, "build": {**service["build"], "context": str(directory / context)}}
    if files := service.get("env_file"):
        entries = [files] if isinstance(files, str | dict) else files
        service["env_file"] = [
            {**item, "path": str(directory / item["path"])}
            if isinstance(item, dict)
            else str(directory / item)
            for item in entries
        ]
    return service
