"""What is asked of a registry, against one that speaks the protocol on a real port."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from components.image.registry import Login, RegistryUnavailable, Repository, docker_login

ME = Login("me", "pass:word")


class Registry(BaseHTTPRequestHandler):
    """Holds team/web:here; `mode` says how it lets clients in."""

    mode = "open"

    def do_HEAD(self) -> None:
        if not self.allowed():
            host = self.headers["Host"]
            realm = f'Bearer realm="http://{host}/token",service="s"' if self.mode == "token" else "Basic"
            self.reply(401, {"WWW-Authenticate": realm})
        elif self.mode == "broken":
            self.reply(503)
        else:
            self.reply(200 if self.path == "/v2/team/web/manifests/here" else 404)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/token" and self.headers["Authorization"] == ME.header:
            scope = parse_qs(url.query)["scope"][0]
            self.reply(200, body=json.dumps({"token": f"for {scope}"}))
        else:
            self.reply(401)

    def allowed(self) -> bool:
        expected = {"basic": ME.header, "token": "Bearer for repository:team/web:pull"}.get(self.mode)
        return expected in (None, self.headers["Authorization"])

    def reply(self, status: int, headers: dict[str, str] | None = None, body: str = "") -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(params=["open", "basic", "token"])
def repository(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Repository]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(Registry, "mode", request.param)
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield Repository(f"localhost:{server.server_port}/team/web")
        server.shutdown()


def test_a_tag_is_there_or_not(repository: Repository) -> None:
    assert repository.has("here", ME)
    assert not repository.has("gone", ME)


def test_without_credentials_the_stored_login_counts(repository: Repository, tmp_path: Path) -> None:
    stored = {"auth": base64.b64encode(b"me:pass:word").decode()}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {repository.host: stored}}))
    assert repository.has("here", None)


def test_who_is_not_let_in_cannot_tell(repository: Repository) -> None:
    if Registry.mode != "open":
        with pytest.raises(RegistryUnavailable, match=repository.host):
            repository.has("here", Login("me", "wrong"))


def test_an_error_of_the_registry_is_not_taken_for_a_missing_image(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "mode", "broken")
    with pytest.raises(RegistryUnavailable, match="503"):
        repository.has("here", None)


def test_a_registry_that_is_away_is_named_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(RegistryUnavailable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        Repository("127.0.0.1:1/web").has("here", None)


@pytest.mark.parametrize(
    ("name", "url", "path"),
    [
        ("web", "https://registry-1.docker.io/v2/", "library/web"),
        ("you/web", "https://registry-1.docker.io/v2/", "you/web"),
        ("docker.io/you/web", "https://registry-1.docker.io/v2/", "you/web"),
        ("ghcr.io/you/web", "https://ghcr.io/v2/", "you/web"),
        ("registry.corp:5000/a/b/web", "https://registry.corp:5000/v2/", "a/b/web"),
        ("localhost:5001/web", "http://localhost:5001/v2/", "web"),
        ("127.0.0.1:5001/web", "http://127.0.0.1:5001/v2/", "web"),
        ("localhost.evil.example/web", "https://localhost.evil.example/v2/", "web"),
    ],
)
def test_names_are_resolved_as_docker_does(name: str, url: str, path: str) -> None:
    assert (Repository(name).url, Repository(name).path) == (url, path)


def test_a_credential_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-vault"
    helper.write_text(
        '#!/bin/sh\nread server\necho "{\\"Username\\": \\"u\\", \\"Secret\\": \\"for $server\\"}"\n'
    )
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {"ghcr.io": "vault"}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert docker_login("ghcr.io") == Login("u", "for ghcr.io")
    assert docker_login("quay.io") is None


def test_a_password_does_not_show_in_a_representation() -> None:
    assert "pass:word" not in repr(ME)
