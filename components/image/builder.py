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
    """Return the last lines that the latest failed build of that name wrote; empty without a record of it."""
    ref = _latest(build, builder, "Error")
    log = _history(builder, "logs", "--progress=plain", ref) if ref else ""
    return "\n".join(log.strip().splitlines()[-LINES:])


def digest(build: str, builder: str | None) -> str | None:
    """Return the digest of what the latest successful build of that name made, if it is recorded."""
    ref = _latest(build, builder, "Completed")
    if not ref:
        return None
    made = json.loads(_history(builder, "inspect", "--format=json", ref)).get("Attachments", [])
    images = {a["Type"].rpartition(".")[0].rpartition(".")[2]: a["Digest"] for a in reversed(made)}
    return images.get("index") or images.get("manifest")  # an index when built for several platforms


def _latest(build: str, builder: str | None, status: str) -> str:
    """Return the builder's record of a build; none if it never began or `docker buildx` is not at hand."""
    records = map(json.loads, _history(builder, "ls", "--no-trunc", "--format=json").splitlines())
    found = [r for r in records if r["name"] == build and r["status"] == status]
    latest = max(found, key=lambda record: str(record["created_at"]), default={"ref": ""})
    return str(latest["ref"]).rpartition("/")[2]


def _history(builder: str | None, *command: str) -> str:
    docker = shutil.which("docker")
    if not docker:
        return ""
    named = ["--builder", builder] if builder else []
    done = subprocess.run(
        [docker, "buildx", *named, "history", *command], capture_output=True, text=True, timeout=30
    )
    if done.returncode:
        return ""
    return done.stdout or done.stderr  # `logs` writes to standard error
