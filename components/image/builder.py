"""Client of the buildx builder: finds it, checks it, asks it for stages and build records."""

import functools
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

TIMEOUT = 3
"""Seconds for a builder to accept a connection."""

ANSWER_TIMEOUT = 30
"""Seconds for `docker buildx` to answer a question."""

LINES = 20
"""Lines of a failed build's log to print."""


class BuilderUnavailable(Exception):
    """The builder does not exist or does not answer; the message names its address and what to do."""


def check_reachable(name: str | None) -> None:
    """Check that the builder (default: the current one) accepts connections.

    Only a builder with the driver `remote` has an address to check; Docker starts the others on demand.

    Raises:
        BuilderUnavailable: the builder does not exist, or does not answer.
    """
    directory = _config_directory()
    instances = directory / "instances"
    if name is None:
        # Without a current builder, the provider uses any that it can reach: check it if there is only one.
        builders = list(instances.glob("*")) if instances.is_dir() else []
        name = os.environ.get("BUILDX_BUILDER") or (builders[0].name if len(builders) == 1 else None)
    if name is None:
        return
    try:
        builder = json.loads((instances / name).read_text())
    except FileNotFoundError:
        if _is_docker_context(name):
            return
        raise BuilderUnavailable(
            f"builder {name!r} does not exist in {directory}: `docker buildx ls` lists the builders, "
            f"`docker buildx create --name {name}` makes it"
        ) from None
    if builder.get("Driver") != "remote":
        return
    for node in builder["Nodes"]:
        _connect(name, node["Endpoint"])


def _config_directory() -> Path:
    docker = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    return Path(os.environ.get("BUILDX_CONFIG") or Path(docker, "buildx"))


def _is_docker_context(name: str) -> bool:
    """Return whether the name is a Docker context: each context is a builder of the same name."""
    contexts = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "contexts/meta")
    return name == "default" or any(
        json.loads(meta.read_text()).get("Name") == name for meta in contexts.glob("*/meta.json")
    )


def _connect(name: str, endpoint: str) -> None:
    address = urllib.parse.urlsplit(endpoint)
    try:
        if address.scheme == "unix":
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(TIMEOUT)
                connection.connect(address.path)
        elif address.scheme == "tcp" and address.hostname and address.port:
            socket.create_connection((address.hostname, address.port), TIMEOUT).close()
    except OSError as error:
        raise BuilderUnavailable(
            f"builder {name!r} at {endpoint} cannot be reached: {error}. "
            f"Is BuildKit running there? `docker buildx inspect {name}` shows its state"
        ) from None


class Stage(NamedTuple):
    """A stage of a Dockerfile."""

    name: str
    """In lower case; empty without a name."""
    base: str
    """Its FROM, as written: an image, or an earlier stage."""


@functools.cache
def stages(dockerfile: bytes, builder: str | None) -> list[Stage] | None:
    """Return the stages of a Dockerfile.

    Return None if the builder does not answer, or cannot parse the Dockerfile: then the build decides.
    """
    answer = _buildx(builder, "build", "--call=targets,format=json", "-", stdin=dockerfile)
    try:
        targets = json.loads(answer)["targets"]
        return [Stage(target.get("name", ""), target.get("base", "")) for target in targets]
    except (ValueError, LookupError):
        return None


def base_image(
    dockerfile: bytes, target: str | None, build_args: Mapping[str, str], builder: str | None
) -> str | None:
    """Return the image that the target begins from; None for `scratch`, or if the builder does not answer."""
    listed = stages(dockerfile, builder) or []
    names = [stage.name for stage in listed]
    wanted = target.lower() if target else str(len(listed) - 1)
    index = names.index(wanted) if wanted in names else int(wanted) if wanted.isdecimal() else len(listed)
    if index >= len(listed):
        return None
    while (base := listed[index].base).lower() in names[:index]:  # the nearest earlier stage of that name
        index = max(place for place, name in enumerate(names[:index]) if name == base.lower())
    if "$" in base:
        base = _expand(base, _arguments(dockerfile, target, build_args, builder))
    return None if base == "scratch" or not base or "$" in base else base


def _arguments(
    dockerfile: bytes, target: str | None, build_args: Mapping[str, str], builder: str | None
) -> dict[str, str]:
    """Return the values of the arguments that the target uses, with the Dockerfile's defaults."""
    options = [f"--target={target}"] if target else []
    options += [f"--build-arg={name}={value}" for name, value in build_args.items()]
    answer = _buildx(builder, "build", "--call=outline,format=json", *options, "-", stdin=dockerfile)
    try:
        return {arg["name"]: arg.get("value", "") for arg in json.loads(answer).get("args") or ()}
    except (ValueError, LookupError):
        return {}


def _expand(base: str, arguments: Mapping[str, str]) -> str:
    """Replace $NAME, ${NAME} and ${NAME:-default}; what remains has another form, or no value."""

    def value(match: re.Match[str]) -> str:
        return arguments.get(match[1] or match[2]) or match[3] or match[0]

    return re.sub(r"\$(?:(\w+)|\{(\w+)(?::-([^${}]*))?\})", value, base)


def end_of_log(build: str, builder: str | None) -> str:
    """Return the end of the log of the latest failed build of this name; empty without a record."""
    ref = _latest(build, builder, "Error")
    log = _history(builder, "logs", "--progress=plain", ref) if ref else ""
    return "\n".join(log.strip().splitlines()[-LINES:])


def digest(build: str, builder: str | None) -> str | None:
    """Return the digest of the image that the latest successful build of this name made, if recorded."""
    ref = _latest(build, builder, "Completed")
    if not ref:
        return None
    attachments = json.loads(_history(builder, "inspect", "--format=json", ref)).get("Attachments", [])
    for kind in (".index.", ".manifest."):  # an index if built for several platforms
        for attachment in attachments:
            if kind in attachment["Type"]:
                return str(attachment["Digest"])
    return None


def _latest(build: str, builder: str | None, status: str) -> str:
    """Return the reference of the latest build record; empty if there is none, or no `docker buildx`."""
    records = map(json.loads, _history(builder, "ls", "--no-trunc", "--format=json").splitlines())
    matching = [record for record in records if record["name"] == build and record["status"] == status]
    latest = max(matching, key=lambda record: str(record["created_at"]), default={"ref": ""})
    return str(latest["ref"]).rpartition("/")[2]


def _history(builder: str | None, *command: str) -> str:
    return _buildx(builder, "history", *command)


def _buildx(builder: str | None, *command: str, stdin: bytes = b"") -> str:
    """Return the output of `docker buildx`; empty if it fails or is not installed."""
    docker = shutil.which("docker")
    if not docker:
        return ""
    named = ["--builder", builder] if builder else []
    try:
        done = subprocess.run(
            [docker, "buildx", *named, *command], input=stdin, capture_output=True, timeout=ANSWER_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # `history logs` writes to standard error.
    return "" if done.returncode else (done.stdout or done.stderr).decode(errors="replace")
