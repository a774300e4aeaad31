"""An application without a Compose file, read from its Dockerfile and its requirements."""

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.adopt.reading.compose_files import Model
from slipway.adopt.reading.interpolation import interpolate, read_text
from slipway.adopt.reading.source import Source, with_own_paths
from slipway.errors import BadSource

PORTS = {"fastapi": 8000, "django": 8000, "flask": 5000}
"""Web frameworks, with the port of their documentation."""
_DATABASES = {
    "add a Postgres, and its `env` to the processes; or run a server, and give its address": (
        "psycopg", "psycopg2", "psycopg2-binary", "asyncpg",
    ),
    "slipway has no component for a database: run a server, and give its address as a variable": (
        "mysqlclient", "pymongo", "aiomysql",
    ),
}  # fmt: skip
"""What to do, and the packages that need it."""
_BROKER = {"CELERY_BROKER_URL": "redis://redis:6379/0"}
_OPTIONS = {
    "interval": "interval",
    "timeout": "timeout",
    "retries": "retries",
    "start-period": "start_period",
}


@dataclass
class _Found:
    """The application as a Compose model, and where each of its fields comes from."""

    services: dict[str, Model]
    origins: dict[str, str] = field(default_factory=dict)
    lines: list[tuple[str, str, bool]] = field(default_factory=list)
    """Fields without one in the model: the path, a text, and whether the program has it."""


def without_compose(directory: Path, root: str) -> Source:
    """Read the Dockerfile and the requirements of an application.

    Raises:
        BadSource: there is no Dockerfile, or it does not say what runs.
    """
    file = directory / "Dockerfile"
    if not file.is_file():
        raise BadSource(
            f"{directory} has no Compose file and no Dockerfile: write a Dockerfile, which says how it runs"
        )
    web: Model = {"build": {"context": "."}}
    found = _Found({"web": web}, {"services.web.build.context": "Dockerfile"})
    stages = list(_instructions(read_text(file)))
    _image(stages, web, found, file)
    _requirements(directory, web, found)
    model = {"services": found.services}
    written = with_own_paths(model)
    return Source(
        "Dockerfile", directory, model, written, root=root, origins=found.origins, lines=found.lines
    )


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield the instructions of the last stage, and of the stages that it begins from."""
    joined = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    joined = re.sub(r"\\[ \t]*\n", " ", joined)
    joined = re.sub(r"<<-?([\"']?)(\w+)\1(.*)\n(?:.*\n)*?\s*\2[ \t]*$", r"\3", joined, flags=re.MULTILINE)
    stages: list[tuple[str, str, list[tuple[str, str]]]] = []
    for line in joined.splitlines():
        match = re.match(r"\s*([A-Za-z]+)\s+(.*\S)", line)
        if not match or match[1].upper() not in _INSTRUCTIONS:
            continue
        name, rest = match[1].upper(), match[2]
        if name == "FROM":
            words = re.sub(r"--\S+\s+", "", rest).split()
            stages.append((words[-1].lower() if len(words) == 3 else "", words[0].lower(), []))
        if stages:
            stages[-1][2].append((name, rest))
    chain: list[list[tuple[str, str]]] = []
    base = stages[-1][0] if stages else ""
    for name, begins_from, own in reversed(stages):
        if not chain or name == base:
            chain.append(own)
            base = begins_from
    for own in reversed(chain):
        yield from own


_INSTRUCTIONS = {
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}  # fmt: skip


def _image(stages: list[tuple[str, str]], web: Model, found: _Found, file: Path) -> None:
    if not any(name in ("CMD", "ENTRYPOINT") for name, _ in stages):
        raise BadSource(
            f'{file} has neither CMD nor ENTRYPOINT, so what runs is unknown: add CMD ["gunicorn", …]'
        )
    variables = _variables(stages)
    for name, rest in stages:
        path = f"Dockerfile.{name}"
        if name == "EXPOSE":
            words = interpolate(rest, variables, path).split()
            ports = [word for word in words if not word.startswith("/")]
            if not ports:
                found.lines.append((path, f"{rest} has no value here: add `expose` if it has a port", False))
            elif tcp := [port for port in ports if not port.lower().endswith("/udp")]:
                web["expose"] = [*web.get("expose", []), *tcp]
                found.origins["services.web.expose"] = path
            else:
                found.lines.append((path, "components have ports of TCP only", False))
        elif name == "HEALTHCHECK":
            web["healthcheck"] = _health(rest, path)
            found.origins["services.web.healthcheck"] = path
        elif name == "VOLUME":
            web["volumes"] = [*web.get("volumes", []), *_list(rest, path)]
            found.origins["services.web.volumes"] = path
        elif name == "USER" and not rest.partition(":")[0].isdecimal():
            found.lines.append(
                (path, f"Kubernetes wants a number, but it is {rest!r}: the user is 10001", True)
            )
        else:
            found.lines.append((path, "a part of the image", True))


def _variables(stages: list[tuple[str, str]]) -> dict[str, str]:
    """Return the variables of ARG and ENV, whose values may refer to those before."""
    found: dict[str, str] = {}
    for name, rest in stages:
        for key, value in _assignments(name, rest):
            try:
                found[key] = interpolate(value, found, key)
            except BadSource:  # a dollar that begins no variable stays
                found[key] = value
    return found


def _assignments(instruction: str, rest: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values that an instruction sets; `ENV NAME value` is the old form."""
    if instruction == "ENV" and (old := re.fullmatch(r"([^\s=]+)\s+(.*)", rest)):
        yield old[1], old[2].strip("\"'")
        return
    try:
        words = shlex.split(rest) if instruction in ("ARG", "ENV") else []
    except ValueError:  # a quote without its end, which the build refuses
        return
    for word in words:
        key, mark, value = word.partition("=")
        if mark:
            yield key, value


def _health(rest: str, path: str) -> dict[str, Any]:
    match = re.fullmatch(r"((?:--[a-z-]+=\S+\s+)*)(?:(NONE)|CMD\s+(.+))", rest, re.IGNORECASE)
    if not match:
        raise BadSource(f"{path} must be NONE, or CMD with a command, after options like --interval=30s")
    options, none, words = match.groups()
    if none:
        return {"disable": True}
    test = ["CMD", *_list(words, path)] if words.startswith("[") else ["CMD-SHELL", words]
    given = dict(re.findall(r"--([a-z-]+)=(\S+)", options))
    return {"test": test, **{_OPTIONS[key]: value for key, value in given.items() if key in _OPTIONS}}


def _list(text: str, path: str) -> list[str]:
    """Return the words of an instruction, as JSON or apart by blanks."""
    try:
        return [str(word) for word in json.loads(text)] if text.startswith("[") else text.split()
    except ValueError:
        raise BadSource(f"{path} has a list that is not JSON: put its words into double quotes") from None


def _requirements(directory: Path, web: Model, found: _Found) -> None:
    """Add the processes and servers that the requirements of the application imply."""
    names = _names(directory)
    framework = next((name for name in PORTS if name in names), None)
    if framework and "expose" not in web:
        web["expose"] = [str(PORTS[framework])]
        found.origins["services.web.expose"] = f"requirements.{framework}"
    if "celery" in names:
        _celery(directory, web, found)
    elif {"redis", "rq", "arq"} & names:
        web["depends_on"] = {"redis": {"condition": "service_healthy"}}
        found.origins["services.web.depends_on"] = "requirements.redis"
    if "redis" in str(web.get("depends_on", "")) or "celery" in names:
        found.services["redis"] = {"image": "redis:7-bookworm"}
        found.origins["services.redis"] = "requirements.redis"
    if "django" in names and (directory / "manage.py").is_file():
        command = ["python", "manage.py", "migrate", "--noinput"]
        found.services["migrate"] = {**_copy(web), "entrypoint": command}
        completed = {"condition": "service_completed_successfully"}
        for service in [service for name, service in found.services.items() if name in ("web", "worker")]:
            service["depends_on"] = {**service.get("depends_on", {}), "migrate": completed}
        found.origins["services.migrate"] = "requirements.django"
        found.origins |= {f"services.{name}.depends_on": "requirements.django" for name in ("web", "worker")}
    for text, packages in _DATABASES.items():
        for name in sorted(names & set(packages)):
            found.lines.append((f"requirements.{name}", text, False))


def _copy(web: Model) -> Model:
    """Return the fields of the web process that others of its image have too."""
    return {key: web[key] for key in ("build", "environment") if key in web}


def _celery(directory: Path, web: Model, found: _Found) -> None:
    module = _celery_module(directory)
    web["environment"] = {**web.get("environment", {}), **_BROKER}
    found.origins["services.web.environment"] = "requirements.celery"
    if not module:
        text = "no module makes a Celery(…): add a Worker with its command"
        found.lines.append(("requirements.celery", text, False))
        return
    command = ["celery", f"--app={module}", "worker"]
    found.services["worker"] = {**_copy(web), "entrypoint": command}
    found.origins["services.worker"] = "requirements.celery"


def _celery_module(directory: Path) -> str | None:
    """Return the module that makes the Celery application, as `celery --app` takes it."""
    for file in sorted(directory.rglob("*.py")):
        parts = file.relative_to(directory).with_suffix("").parts
        hidden = any(part.startswith(".") or part in ("tests", "node_modules", "venv") for part in parts)
        if not hidden and re.search(r"^\w+\s*=\s*Celery\(", file.read_text(errors="replace"), re.MULTILINE):
            return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] in ("celery", "__init__") else parts)
    return None


def _names(directory: Path) -> set[str]:
    """Return the names of the packages that the application requires."""
    lines: list[str] = []
    for file in sorted([*directory.glob("requirements*.txt"), *directory.glob("requirements/*.txt")]):
        lines += read_text(file).splitlines()
    project = directory / "pyproject.toml"
    if project.is_file():
        try:
            lines += tomllib.loads(read_text(project)).get("project", {}).get("dependencies", [])
        except tomllib.TOMLDecodeError as error:
            raise BadSource(f"{project} is not TOML: {error}") from None
    found = (re.match(r"\s*([A-Za-z0-9][\w.-]*)", line) for line in lines)
    return {match[1].lower().replace("_", "-") for match in found if match}
