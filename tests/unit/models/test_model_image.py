"""A model as an image: the same bytes each time, and nothing else passes for one."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from slipway.errors import ImageNotFound, SlipwayError
from slipway.images.model_image import ARTIFACT, CARD, pack, read_model
from slipway.images.references import Image
from slipway.images.registry import Repository
from tests.unit.models.making import card, files


def test_the_same_files_are_the_same_image() -> None:
    given = files()
    assert pack(given, {}).digest == pack(dict(reversed(given.items())), {}).digest
    assert pack(given, {"a": "b"}).digest != pack(given, {}).digest
    assert pack({**given, "model.onnx": b"\x08 other"}, {}).digest != pack(given, {}).digest


def test_the_layer_has_the_files_for_everybody_to_read_and_root_to_write() -> None:
    """The copy in a pod keeps the modes: when a node restarts, the init container copies over it again."""
    image = pack(files(), {})
    with tarfile.open(fileobj=io.BytesIO(image.layer)) as members:
        found = {entry.name: (entry.mode, entry.mtime, entry.uid) for entry in members}
        model = members.extractfile("model/model.onnx")
        assert model and model.read() == files()["model.onnx"]
    assert found.pop("model") == (0o755, 0, 0)
    assert set(found.values()) == {(0o644, 0, 0)}


def test_container_runtimes_can_unpack_it() -> None:
    image = pack(files(), {}, "linux/arm64")
    manifest, config = json.loads(image.manifest), json.loads(image.config)
    digest = f"sha256:{hashlib.sha256(image.layer).hexdigest()}"
    assert config["rootfs"]["diff_ids"] == [digest] == [layer["digest"] for layer in manifest["layers"]]
    assert (config["os"], config["architecture"]) == ("linux", "arm64")
    assert manifest["config"]["size"] == len(image.config)


class Registry(BaseHTTPRequestHandler):
    """A registry in memory, which takes uploads in one request."""

    stored: dict[str, bytes]
    requests: list[str]

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.requests.append(f"{self.command} {self.path.partition('?')[0].rpartition('/')[2][:12]}")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        name = self.path.rpartition("/")[2]
        body = self.stored.get(name)
        digest = f"sha256:{hashlib.sha256(body or b'').hexdigest()}"
        self.answer(404 if body is None else 200, Docker_Content_Digest=digest)

    def do_GET(self) -> None:
        body = self.stored.get(self.path.rpartition("/")[2])
        self.answer(404 if body is None else 200, body or b"")

    def do_POST(self) -> None:
        self.answer(202, Location=f"{self.path}1?state=x")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        if "?" in self.path:
            assert f"digest={digest.replace(':', '%3A')}" in self.path
        self.stored |= {digest: body, self.path.rpartition("/")[2]: body}
        self.answer(201)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[tuple[Repository, type[Registry]]]:
    handler = type("Own", (Registry,), {"stored": {}, "requests": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield Repository(f"localhost:{server.server_port}/digits-model"), handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_pushed_is_read_again(registry: tuple[Repository, type[Registry]]) -> None:
    repository, handler = registry
    packed = pack(files(), {})
    image = packed.push(repository)
    assert image.digest == packed.digest
    published = read_model(image, repository)
    assert (published.card, published.size) == (card(), len(packed.layer))
    uploads = [request for request in handler.requests if request.startswith("PUT")]
    assert len(uploads) == 3
    packed.push(repository)
    assert [request for request in handler.requests if request.startswith("PUT")] == uploads


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"artifactType": "application/vnd.example"}, "is not a model"),
        ({"artifactType": None}, "is not a model"),
        ({"annotations": {}}, "is not a model"),
        ({"annotations": None}, "is not a model"),
        ({"annotations": {CARD: "{}"}}, "is not the card of a model"),
    ],
)
def test_an_image_that_is_not_a_model(
    change: dict[str, Any], problem: str, registry: tuple[Repository, type[Registry]]
) -> None:
    repository, handler = registry
    manifest = {**json.loads(pack(files(), {}).manifest), **change}
    body = json.dumps(manifest).encode()
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    handler.stored[digest] = body
    with pytest.raises(SlipwayError, match=problem):
        read_model(Image(repository.name, digest), repository)


def test_a_model_that_the_registry_lacks(registry: tuple[Repository, type[Registry]]) -> None:
    repository, _ = registry
    with pytest.raises(ImageNotFound, match="does not have the model"):
        read_model(Image(repository.name, f"sha256:{'a' * 64}"), repository)


def test_the_names_are_those_of_modelpack() -> None:
    manifest = json.loads(pack(files(), {}).manifest)
    assert manifest["artifactType"] == ARTIFACT == "application/vnd.cncf.model.manifest.v1+json"
    assert manifest["layers"][0]["annotations"] == {"org.cncf.model.filepath": "model"}
