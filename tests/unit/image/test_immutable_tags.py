"""A registry that refuses another image for a tag that it has, spoken to over HTTP."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.image import buildx
from components.image.app_image import AppImage
from slipway.errors import ImageNotFound
from slipway.images import references
from slipway.images.references import Image
from tests.unit.recorder import DIGEST, Recorder

Run = Callable[[Callable[[], Any]], Recorder]
OTHER = "sha256:" + "b" * 64
REFUSALS = [
    "tag invalid: The image tag 'x' already exists in the 'web' repository and cannot be overwritten because"
    " the tag is immutable.",
    "412 Precondition Failed: Failed to process request due to 'web:x' configured as immutable.",
]


class Registry(BaseHTTPRequestHandler):
    """Has `digest` for every tag, or none; answers `denied` to every question if it is set."""

    digest = ""
    denied = 0

    def do_HEAD(self) -> None:
        self.send_response(self.denied or (200 if self.digest else 404))
        if self.digest:
            self.send_header("Docker-Content-Digest", self.digest)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    monkeypatch.setattr(Registry, "digest", "")
    monkeypatch.setattr(buildx, "stages", lambda *_: None)  # no builder answers
    monkeypatch.setattr(buildx, "end_of_log", lambda *_: "")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"127.0.0.1:{server.server_port}/web"
        server.shutdown()


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(pulumi.log, "error", lambda message, *_: lines.append(message))
    return lines


def declared(engine: Run, repository: str) -> tuple[AppImage, Recorder]:
    images: list[AppImage] = []

    def program() -> None:
        images.append(AppImage("web", context=Path("app"), repository=repository))

    recorder = engine(program)
    return images[0], recorder


def fail(image: AppImage, error: str) -> bool:
    return image._explain(SimpleNamespace(errors=[error]))  # type: ignore[arg-type] # a part of it


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_tag_that_another_build_pushed_meanwhile_is_taken_next_time(
    refusal: str, engine: Run, repository: str, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, recorder = declared(engine, repository)
    assert recorder.one("Image")["exports"] == [{"raw": "type=registry"}], "it is to be built"
    monkeypatch.setattr(Registry, "digest", OTHER)
    assert fail(image, refusal) is False, "a second push would be refused too"
    assert printed == [
        f"{repository}:{image.tag} exists: another build pushed {OTHER} meanwhile."
        " Run `pulumi up` again; it takes that image, and pushes nothing"
    ]
    again, recorder = declared(engine, repository)
    assert again.tag == image.tag
    [taken] = recorder.of("Image")
    assert taken.inputs["exports"] == [{"cacheonly": {}}]
    assert taken.inputs["push"] is False
    assert f"@{OTHER}" in taken.inputs["dockerfile"]["inline"]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_tag_that_this_machine_may_not_read_is_explained(
    refusal: str, engine: Run, repository: str, printed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, _ = declared(engine, repository)
    monkeypatch.setattr(Registry, "denied", 401)
    fail(image, refusal)
    [line] = printed
    assert line.startswith(f"the registry has {repository}:{image.tag}, and refuses to change its tags.")
    assert f"`docker login {repository.partition('/')[0]}`" in line


def test_another_failure_says_nothing_of_tags(engine: Run, repository: str, printed: list[str]) -> None:
    image, _ = declared(engine, repository)
    fail(image, "exit code: 1")
    assert not printed


@pytest.mark.parametrize(
    ("present", "tag"), [(None, "v1"), (OTHER, f"sha256-{'a' * 64}")], ids=["a free tag", "a tag in use"]
)
def test_a_copy_moves_no_tag(present: str | None, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tag with another digest stays: registries with immutable tags would refuse to move it."""
    commands: list[tuple[str, ...]] = []

    def manifest(image: Image) -> dict[str, Any]:
        if not commands:
            raise ImageNotFound("not there yet")
        return {}

    monkeypatch.setattr(references, "manifest", manifest)
    monkeypatch.setattr(references, "tag_digest", lambda image: present)
    monkeypatch.setattr(references, "_buildx", lambda *words: commands.append(words))
    image = Image("ghcr.io/a/web", DIGEST, "v1")
    assert references.copy(image, "ghcr.io/b/web") == image.in_repository("ghcr.io/b/web")
    [words] = commands
    assert words[words.index("--tag") + 1] == f"ghcr.io/b/web:{tag}"
