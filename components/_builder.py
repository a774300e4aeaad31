"""Where the BuildKit builder is, looked up as `docker buildx` does, and whether it answers."""

import json
import os
import shutil
import socket
import subprocess
import urllib.parse
from pathlib import Path

TIMEOUT = 3
"""Seconds for a builder to accept a connection."""

LINES = 20
"""How much of a failed build's log is shown."""


class BuilderUnavailable(Exception):
    """The message names the builder, its address, and what to do."""


def check_reachable(name: str | None) -> None:
    """Return if the builder (default: the current one) accepts connections, as far as that is seen from here.

    Only a builder of driver `remote` has an address of its own; Docker starts the others when asked.

    Raises:
        BuilderUnavailable: it does not exist, or does not answer.
    """
    directory = _config_directory()
    instances = directory / "instances"
    if name is None:
        # Without a current builder the provider takes any it can reach; where there is one, that is it.
        known = sorted(instances.glob("*")) if instances.is_dir() else []
        name = os.environ.get("BUILDX_BUILDER") or (known[0].name if len(known) == 1 else None)
    if name is None:
        return
    try:
        builder = json.loads((instances / name).read_text())
    except FileNotFoundError:
        if _is_docker_context(name):
            return
        raise BuilderUnavailable(
            f"builder {name!r} does not exist in {directory}: `docker buildx ls` lists those that do, "
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
    """Every Docker context is a builder of the same name."""
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
            f"Is BuildKit running there? `docker buildx inspect {name}` shows what is known of it"
        ) from None


def end_of_log(build: str, builder: str | None) -> str:
    """Return the last lines that the latest failed build of that name wrote, from the builder's own records.

    Empty when there is no `docker buildx` at hand or no such record: builds that never began leave none.
    """
    docker = shutil.which("docker")
    if not docker:
        return ""
    buildx = [docker, "buildx", *(["--builder", builder] if builder else []), "history"]
    records = map(json.loads, _output([*buildx, "ls", "--no-trunc", "--format=json"]).splitlines())
    failed = [r for r in records if r["name"] == build and r["status"] == "Error"]
    if not failed:
        return ""
    latest = max(failed, key=lambda record: str(record["created_at"]))["ref"].rpartition("/")[2]
    return "\n".join(_output([*buildx, "logs", "--progress=plain", latest]).strip().splitlines()[-LINES:])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    return done.stdout or done.stderr  # `logs` writes to standard error
