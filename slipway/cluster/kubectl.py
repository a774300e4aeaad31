"""The cluster that a stack is deployed to, through kubectl and the stack's own context."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slipway import process
from slipway.cluster.kubeconfig import Kubeconfig
from slipway.errors import BadKubeconfig, Conflict, ObjectNotFound, SlipwayError

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30
"""How long one request to the API server may take."""

MAX_TMPDIR = 70
"""The longest directory in which the path of a socket, `slipway-xxxxxxxx/proxy`, is not too long."""

Object = dict[str, Any]


_ERRORS = {"(NotFound)": ObjectNotFound, "(AlreadyExists)": Conflict, "(Conflict)": Conflict}


@dataclass(frozen=True)
class Cluster:
    """A cluster, by a context of a kubeconfig."""

    context: str
    kubeconfig: str | None = None
    """The path of the kubeconfig; None for KUBECONFIG, or ~/.kube/config."""
    name: str | None = None
    """The cluster in the kubeconfig, if it is not the context's."""

    @classmethod
    def from_values(
        cls, context: str, kubeconfig: str | None, directory: Path, name: str | None = None
    ) -> "Cluster":
        """Return the cluster for the values of `kubernetes:context`, `…:kubeconfig` and `…:cluster`.

        Args:
            context: the name of the context.
            kubeconfig: a path or contents.
            directory: the directory in which the engine runs plugins, for a relative path.
            name: the cluster in the kubeconfig, if it is not the context's.
        """
        if shutil.which("kubectl") is None:
            raise SlipwayError("kubectl is not on PATH; install it: https://kubernetes.io/docs/tasks/tools/")
        if not kubeconfig:
            return cls(context, name=name)
        chosen = Kubeconfig.choose(kubeconfig, directory=directory)
        if context not in chosen.contexts():
            raise BadKubeconfig(f"the kubeconfig {chosen.origin} has no context {context}")
        return cls(context, chosen.file(), name)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of kubectl with these arguments."""
        kubeconfig = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        cluster = [f"--cluster={self.name}"] if self.name else []
        return ["kubectl", f"--context={self.context}", *cluster, *kubeconfig, *arguments]

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout_s: int = TIMEOUT_S) -> str:
        """Run kubectl and return its output.

        Raises:
            ObjectNotFound, Conflict: as the API server reports.
            SlipwayError: for every other failure, with kubectl's message.
        """
        command = self.command(f"--request-timeout={timeout_s}s", *arguments)
        result = process.run(*command, stdin=stdin, timeout_s=4 * timeout_s)
        if result.code:
            kind = next((kind for mark, kind in _ERRORS.items() if mark in result.error), SlipwayError)
            raise kind(f"context {self.context}: {result.error}")
        return result.text

    def attached(self, *arguments: str) -> int:
        """Run kubectl on this terminal, and return its exit code."""
        return subprocess.run(
            self.command(*arguments), check=False, env=process.child_environment()
        ).returncode

    def get(self, *arguments: str, timeout_s: int = TIMEOUT_S) -> list[Object]:
        """Return objects, without those that do not exist: `get("pods", "-n", "hits")`."""
        text = self.kubectl("get", *arguments, "--ignore-not-found", "--output=json", timeout_s=timeout_s)
        output = json.loads(text) if text.strip() else {"items": []}
        items: list[Object] = output.get("items", [output])
        return items

    def create(self, manifest: Object) -> Object:
        """Create an object; Conflict when the name is taken."""
        return self._send("create", manifest)

    def replace(self, manifest: Object) -> Object:
        """Replace an object; Conflict when it has changed since its resourceVersion."""
        return self._send("replace", manifest)

    def _send(self, verb: str, manifest: Object) -> Object:
        output = self.kubectl(verb, "--filename=-", "--output=json", stdin=json.dumps(manifest))
        response: Object = json.loads(output)
        return response

    @contextmanager
    def service(self, namespace: str, name: str, port: int, scheme: str) -> Iterator["httpx.Client"]:
        """Yield a client for a Service, through the API server: it works wherever kubectl does.

        With the scheme https, the API server does not verify the certificate.
        kubectl listens on a Unix socket that only this user can open, and proxies no other path.
        """
        import httpx  # it takes 40 ms, and most commands do without it

        prefix = "https:" if scheme == "https" else ""
        base = f"/api/v1/namespaces/{namespace}/services/{prefix}{name}:{port}/proxy"
        with tempfile.TemporaryDirectory(prefix="slipway-", dir=_directory_for_socket()) as directory:
            path, errors = Path(directory, "proxy"), Path(directory, "errors")
            with errors.open("wb") as log:
                # A file, because kubectl reports each failed request, and a pipe that nobody reads gets full.
                proxy = subprocess.Popen(
                    self.command("proxy", f"--unix-socket={path}", f"--accept-paths=^{base}/.*"),
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,  # this program handles Ctrl-C
                    env=process.child_environment(),
                )
            try:
                if not _listens(path, proxy):
                    reason = errors.read_text(errors="replace").strip() or f"no answer in {TIMEOUT_S} s"
                    raise SlipwayError(f"kubectl proxy did not start: {reason}")
                with httpx.Client(
                    transport=httpx.HTTPTransport(uds=str(path)), base_url=f"http://localhost{base}/"
                ) as client:
                    yield client
            finally:
                proxy.terminate()
                proxy.wait()


def _directory_for_socket() -> str | None:
    """Return where to create a directory for a socket; None for the default, which TMPDIR may make too long.

    The path of a socket has at most 103 bytes: https://man7.org/linux/man-pages/man7/unix.7.html, and macOS.
    """
    return "/tmp" if len(os.fsencode(tempfile.gettempdir())) > MAX_TMPDIR else None  # noqa: S108 # mkdtemp's own


def _listens(path: Path, proxy: "subprocess.Popen[bytes]") -> bool:
    """Wait until a proxy listens on a socket, and return whether it does."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline and proxy.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if path.exists() and probe.connect_ex(os.fspath(path)) == 0:
                return True
        time.sleep(0.05)
    return False
