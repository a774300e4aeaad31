"""Two clusters have a context of the same name: the tool reaches the one that the engine reaches."""

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import trustme
import yaml

from tests.e2e.slipway.promotion.conftest import INSTANCE, Pipeline

COMMANDS = {
    "east": ("status", "drift", "preview --stack", "recover --yes"),
    "west": ("status", "drift", "history", "logs"),
}


@dataclass
class OtherCluster:
    """An HTTPS server with a kubeconfig; it records and refuses every request."""

    kubeconfig: Path
    requests: list[str] = field(default_factory=list)


@contextmanager
def other_cluster(directory: Path) -> Iterator[OtherCluster]:
    """Run a server in place of the API server of another cluster."""
    found = OtherCluster(directory / "other.kubeconfig")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.requests.append(f"{self.command} {self.path}")
            self.send_error(403)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(directory / "ca.crt"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    address = f"https://127.0.0.1:{server.server_port}"
    cluster = {"server": address, "certificate-authority": str(directory / "ca.crt")}
    name = INSTANCE.name
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": {"token": "planted"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
    }
    found.kubeconfig.write_text(yaml.safe_dump(content))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[OtherCluster]:
    with other_cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
def two(pipeline: Pipeline, images: dict[str, str], other: OtherCluster) -> Iterator[Pipeline]:
    """The stacks east and west, which pin the real cluster, while KUBECONFIG leads to the other one.

    East has the contents of its kubeconfig as a secret on one line, as cloud SDKs write it; west has a path
    that is relative to the project.
    """
    real = pipeline.kubectl("config", "view", "--raw", "--flatten", "--output=json")
    (pipeline.directory / "real.kubeconfig").write_text(real)
    environment = {**pipeline.environment, "KUBECONFIG": str(other.kubeconfig)}
    two = replace(pipeline, environment=environment)
    for name, image in (("east", "two"), ("west", "one")):
        two.file(name).write_text(
            f"config:\n  kubernetes:context: {INSTANCE.name}\n  pm:image: {images[image]}\n"
        )
        two.pulumi(name, "stack", "init")
    contents = json.dumps(json.loads(real))
    two.pulumi("east", "config", "set", "--secret", "kubernetes:kubeconfig", contents)
    two.pulumi("west", "config", "set", "kubernetes:kubeconfig", "real.kubeconfig")
    for name in ("east", "west"):
        two.pulumi(name, "up", "--yes", "--skip-preview")
    yield two
    for name in ("east", "west"):
        pipeline.remove(name)


def test_the_server_of_the_engine(
    two: Pipeline, pipeline: Pipeline, other: OtherCluster, tmp_path: Path
) -> None:
    """Also from another directory. The ambient kubeconfig never takes the place of one that is gone."""
    for name, commands in COMMANDS.items():
        for command in commands:
            done = two.slipway(*command.split(), two.stack(name))
            assert done.code == 0, f"{command} {name}: {done.stdout}{done.stderr}"
            assert "capacity of nodes and quotas was not checked" not in done.stdout
    assert pipeline.running("east") != pipeline.running("west")
    promoted = two.promote("east", "west")
    assert promoted.code == 0, promoted.stdout + promoted.stderr
    assert pipeline.running("east") == pipeline.running("west")
    elsewhere = replace(two, directory=tmp_path)
    rolled_back = elsewhere.slipway("rollback", two.stack("west"), "--yes", "--cwd", str(two.directory))
    assert "has no earlier version" in rolled_back.stderr, "its receipts are in the real cluster"
    assert other.requests == []

    real, gone = two.directory / "real.kubeconfig", two.directory / "gone.kubeconfig"
    real.rename(gone)
    try:
        for command in ("status", "drift", "logs", "recover --yes"):
            assert two.slipway(*command.split(), two.stack("west")).code in (1, 2), command
    finally:
        gone.rename(real)
    assert other.requests == []

    with pytest.raises(subprocess.CalledProcessError):
        two.kubectl("get", "pods", "--context", INSTANCE.name)
    assert other.requests, "the other server records what reaches it"
