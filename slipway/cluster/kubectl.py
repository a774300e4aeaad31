"""The cluster that a stack is deployed to, through kubectl and the stack's own context."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from slipway.errors import Conflict, ObjectNotFound, SlipwayError
from slipway.pulumi.project import Stack
from slipway.pulumi.updates import ConfigValue

TIMEOUT_S = 30
"""How long one request to the API server may take."""

Object = dict[str, Any]


_ERRORS = {"(NotFound)": ObjectNotFound, "(AlreadyExists)": Conflict, "(Conflict)": Conflict}


@dataclass(frozen=True)
class Cluster:
    """A context of a kubeconfig."""

    context: str
    kubeconfig: str | None = None
    """Its file; None for KUBECONFIG, or ~/.kube/config."""

    @classmethod
    def of(cls, stack: Stack, config: Mapping[str, ConfigValue]) -> "Cluster":
        """Return where a stack is deployed to.

        Raises:
            SlipwayError: when the stack does not pin its context, or kubectl is missing.
        """
        context = config.get("kubernetes:context")
        if context is None or not context.value:
            raise SlipwayError(
                f"stack {stack.name} does not say where it is deployed to:"
                f" pulumi config set --stack {stack.name} kubernetes:context CONTEXT"
            )
        if shutil.which("kubectl") is None:
            raise SlipwayError("kubectl is not on PATH; install it: https://kubernetes.io/docs/tasks/tools/")
        path = (setting := config.get("kubernetes:kubeconfig")) and setting.value
        return cls(context.value, path if path and Path(path).is_file() else None)

    def command(self, *words: str) -> list[str]:
        """Return the words of a kubectl command."""
        own = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        return ["kubectl", f"--context={self.context}", *own, *words]

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed.

        Raises:
            ObjectNotFound, Conflict: as the API server says.
            SlipwayError: for whatever else goes wrong, with kubectl's words.
        """
        words = (f"--request-timeout={TIMEOUT_S}s", *words)
        done = subprocess.run(self.command(*words), input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip()
            kind = next((kind for mark, kind in _ERRORS.items() if mark in said), SlipwayError)
            raise kind(f"context {self.context}: {said}")
        return done.stdout

    def get(self, *words: str) -> list[Object]:
        """Return objects; what is not there is left out: `get("pods", "-n", "hits")`."""
        text = self.kubectl("get", *words, "--ignore-not-found", "--output=json")
        found = json.loads(text) if text.strip() else {"items": []}
        items: list[Object] = found.get("items", [found])
        return items

    def create(self, manifest: Object) -> Object:
        """Make an object; Conflict when there is one of that name."""
        return self._send("create", manifest)

    def replace(self, manifest: Object) -> Object:
        """Change an object; Conflict when it has changed since its resourceVersion."""
        return self._send("replace", manifest)

    def _send(self, verb: str, manifest: Object) -> Object:
        answer: Object = json.loads(
            self.kubectl(verb, "--filename=-", "--output=json", stdin=json.dumps(manifest))
        )
        return answer

    @contextmanager
    def service(self, namespace: str, name: str, port: int) -> Iterator[httpx.Client]:
        """Give a client for a Service, through the API server: works wherever kubectl does.

        kubectl listens on a Unix socket that only this user can open, and lets no other path through.
        """
        base = f"/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy"
        with tempfile.TemporaryDirectory(prefix="slipway-") as directory:
            path = Path(directory, "proxy")
            words = ("proxy", f"--unix-socket={path}", f"--accept-paths=^{base}/.*")
            process = subprocess.Popen(
                self.command(*words),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is this program's to handle
            )
            try:
                _wait_for_socket(path, process)
                with httpx.Client(
                    transport=httpx.HTTPTransport(uds=str(path)), base_url=f"http://localhost{base}/"
                ) as client:
                    yield client
            finally:
                process.terminate()
                process.communicate()


def _wait_for_socket(path: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + TIMEOUT_S
    while time.monotonic() < until and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if path.exists() and probe.connect_ex(os.fspath(path)) == 0:
                return
        time.sleep(0.05)
    process.terminate()
    raise SlipwayError(f"kubectl proxy did not start: {process.communicate()[1].strip()}")


def named(found: Sequence[Object]) -> dict[tuple[str, str], Object]:
    """Return objects by kind and name."""
    return {(one["kind"], one["metadata"]["name"]): one for one in found}
