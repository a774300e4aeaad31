"""Files: atomic writes, locks, and the kubeconfigs of the components."""

import base64
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandbox.platform import pki
from sandbox.platform.instance import Instance


@contextmanager
def locked(path: Path, mode: int = 0o755) -> Iterator[None]:
    """Hold a lock file, after waiting for its other holders; create its directory with `mode`."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=mode)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write(path: Path, content: str, mode: int = 0o644) -> Path:
    """Write a file atomically, unless it has the same content."""
    if not path.exists() or path.read_text() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.touch(mode=mode)
        draft.write_text(content)
        draft.rename(path)
    return path


def write_json(path: Path, content: dict[str, Any], mode: int = 0o644) -> Path:
    """Write a JSON document, which is also YAML."""
    return write(path, json.dumps(content, indent=2) + "\n", mode)


def kubeconfig(instance: Instance, identity: str) -> Path:
    """Write the kubeconfig of an identity. It contains the keys, so it can be copied elsewhere."""

    def data(path: str) -> str:
        return base64.b64encode(Path(path).read_bytes()).decode()

    name = instance.name
    user = {
        "client-certificate-data": data(pki.certificate(instance, identity)),
        "client-key-data": data(pki.key(instance, identity)),
    }
    cluster = {
        "server": instance.api_url,
        "certificate-authority-data": data(pki.certificate(instance, "ca")),
    }
    path = instance.kubeconfig if identity == "admin" else instance.etc / f"{identity}.kubeconfig"
    return write_json(
        path,
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        },
        mode=0o600,
    )
