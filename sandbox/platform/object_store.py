"""The object store: versitygw, an S3 gateway in front of a directory, for backups of databases."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from sandbox.platform import files, readiness
from sandbox.platform.instance import Instance
from sandbox.platform.processes import Program
from sandbox.shell import inside
from sandbox.tools.toolchain import Toolchain

PORT = 7070
BUCKET = "backups"
REGION = "us-east-1"
_TOOL = "versitygw"
# Requests for anything else need the login.
_HEALTH = "/health"
_ACCESS_KEY, _SECRET_KEY = "aws_access_key_id", "aws_secret_access_key"
# The gateway takes its credentials from its environment, which other users cannot read. They come from the
# file, so that neither the configuration of supervisord nor a command line has them.
_SERVE = (
    f"export $(sed -n 's/^{_ACCESS_KEY} = /ROOT_ACCESS_KEY=/p;"
    f' s/^{_SECRET_KEY} = /ROOT_SECRET_KEY=/p\' "$0")'
    ' && exec "$@"'
)


@dataclass(frozen=True)
class Store:
    """How clients reach the store."""

    endpoint: str
    bucket: str
    region: str
    credentials: Path
    """A file as AWS' tools and SDKs read it (AWS_SHARED_CREDENTIALS_FILE), with mode 0600."""


def find(instance: Instance) -> Store | None:
    """Return the store of an instance, or None before `sandbox up --store`."""
    if not instance.store.exists():
        return None
    return Store(f"http://{instance.control_ip}:{PORT}", BUCKET, REGION, instance.store_credentials)


def ensure(instance: Instance) -> None:
    """Create the directory with the bucket, and the credentials, unless they exist."""
    (instance.store / BUCKET).mkdir(parents=True, exist_ok=True, mode=0o700)
    if not instance.store_credentials.exists():
        keys = {_ACCESS_KEY: secrets.token_hex(10), _SECRET_KEY: secrets.token_urlsafe(30)}
        lines = [f"{key} = {value}" for key, value in keys.items()]
        files.write(instance.store_credentials, "\n".join(("[default]", *lines, "")), mode=0o600)


def programs(instance: Instance, tools: Toolchain) -> list[Program]:
    """Return the gateway, which listens in the sandbox's network only: pods and the host reach it there."""
    if not _installed(instance, tools):
        return []
    gateway = (tools.path(_TOOL), "--quiet", "--keep-alive", "--region", REGION, "--health", _HEALTH)
    listening = ("--port", f"{instance.control_ip}:{PORT}", "posix", str(instance.store))
    serve = ("sh", "-c", _SERVE, str(instance.store_credentials), *gateway, *listening)
    credentials = (instance.store_credentials,)
    return [Program("store", (*inside(instance.control_netns), *serve), credentials)]


def _installed(instance: Instance, tools: Toolchain) -> bool:
    return instance.store.exists() and tools.has(_TOOL)


def unready(instance: Instance, tools: Toolchain) -> list[str]:
    """Return why the store does not serve; nothing without one, or before it is compiled."""
    if not _installed(instance, tools):
        return []
    health = f"http://{instance.control_ip}:{PORT}{_HEALTH}"
    return readiness.unserved(instance, "the store", health, "store")
