"""A registry that refuses to change a tag that it has, as ECR does for a repository with immutable tags."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from sandbox.platform.images import MANIFESTS
from slipway.images import references
from slipway.images.references import Image
from tests.e2e.image.conftest import REGISTRY, Project
from tests.e2e.pushing import push

HOP = {"connection", "content-length", "transfer-encoding", "keep-alive"}


class Proxy(ThreadingHTTPServer):
    """Forwards to the sandbox's registry all requests but those that would change a tag."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Forwarding)
        self.refused: list[str] = []
        self.faster = False
        """Another build pushes the next tag first."""
        self.client = httpx.Client(base_url=f"http://{REGISTRY}", timeout=60)


class Forwarding(BaseHTTPRequestHandler):
    """One connection to the proxy."""

    protocol_version = "HTTP/1.1"
    server: Proxy

    def forward(self) -> None:
        body, kept = (
            self._body(),
            {key: value for key, value in self.headers.items() if key.lower() not in HOP},
        )
        is_tag = (
            self.command == "PUT" and "/manifests/" in self.path and "/manifests/sha256:" not in self.path
        )
        if is_tag and self.server.faster:
            self.server.faster = False
            other = json.dumps({**json.loads(body), "annotations": {"by": "another build"}})
            self.server.client.put(self.path, content=other, headers=kept).raise_for_status()
        if is_tag and self.server.client.head(self.path, headers={"Accept": MANIFESTS}).status_code == 200:
            self.server.refused.append(self.path)
            name, _, tag = self.path.removeprefix("/v2/").partition("/manifests/")
            message = (
                f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten"
                " because the tag is immutable."
            )
            error = {"errors": [{"code": "TAG_INVALID", "message": message}]}
            self._answer(400, {"Content-Type": "application/json"}, json.dumps(error).encode())
            return
        answer = self.server.client.request(self.command, self.path, content=body, headers=kept)
        headers = {key: value for key, value in answer.headers.items() if key not in HOP}
        length = answer.headers.get("content-length") if self.command == "HEAD" else None
        self._answer(answer.status_code, headers, answer.content, length)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = forward

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def immutable(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The registry, which the project now uses."""
    for key in ("DOCKER_CONFIG", "BUILDX_CONFIG"):
        monkeypatch.setenv(key, project.environment[key])
    with Proxy() as proxy:
        Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}).start()
        name = project.repository.removeprefix(f"{REGISTRY}/")
        project.arguments["repository"] = f"localhost:{proxy.server_port}/{name}"
        yield proxy
        proxy.shutdown()
        proxy.client.close()


@pytest.fixture
def other(project: Project, immutable: Proxy, tmp_path: Path) -> Iterator[Project]:
    """Another stack with the same content."""
    stack = f"{project.environment['PULUMI_STACK']}-b"
    other = Project(tmp_path / "other", {**project.environment, "PULUMI_STACK": stack}, project.arguments)
    other.succeed("stack", "init", stack)
    yield other
    other.succeed("stack", "rm", "--yes", "--force", stack)


def test_the_proxy_refuses_to_change_a_tag(project: Project, immutable: Proxy, context: Path) -> None:
    """The control: a build that pushes again fails."""
    project.up()
    tagged = project.output("ref").partition("@")[0]
    with pytest.raises(Exception, match="returned non-zero exit status"):
        push(project.environment, tagged, context, "--label=other=1")
    assert immutable.refused


def test_stacks_with_the_same_content_push_it_once(
    project: Project, other: Project, immutable: Proxy
) -> None:
    project.up()
    other.up()
    assert other.output("ref") == project.output("ref")
    assert set(project.preview().values()) == set(other.preview().values()) == {"same"}
    assert not immutable.refused


def test_a_build_that_another_one_has_overtaken_says_what_to_do(project: Project, immutable: Proxy) -> None:
    immutable.faster = True
    failed = project.run("up", "--yes", "--skip-preview")
    assert failed.returncode != 0 and immutable.refused
    advice = "exists: another build pushed sha256:"
    assert (
        advice in failed.stdout + failed.stderr and "Run `pulumi up` again" in failed.stdout + failed.stderr
    )
    immutable.refused.clear()
    project.up()
    assert not immutable.refused
    image = references.manifest(Image.parse(project.output("ref")))
    assert image["annotations"] == {"by": "another build"}
    assert set(project.preview().values()) == {"same"}


def test_a_copy_leaves_a_tag_of_other_content_alone(
    project: Project, immutable: Proxy, context: Path
) -> None:
    project.up()
    image = Image.parse(project.output("ref"))
    elsewhere = f"{image.repository}/copy"
    taken = push(project.environment, f"{elsewhere}:{image.tag}", context, "--label=other=1")
    immutable.refused.clear()
    copied = references.copy(image, elsewhere)
    assert copied.digest == image.digest and references.manifest(copied)
    assert references.tag_digest(copied) == taken.partition("@")[2]
    assert references.copy(image, elsewhere) == copied, "again does nothing"
    assert not immutable.refused
