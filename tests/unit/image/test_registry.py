"""What is asked of a registry, against one that speaks the protocol on a real port."""

import base64
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from components.image import registry as module
from components.image.registry import Login, RegistryUnavailable, Repository, docker_login
from tests.unit.recorder import DIGEST

ME = Login("me", "pass:word")


class Registry(BaseHTTPRequestHandler):
    """A registry with team/web:here; `mode` is its kind of login."""

    mode = "open"

    def do_HEAD(self) -> None:
        if not self.allowed():
            host = self.headers["Host"]
            realm = f'Bearer realm="http://{host}/token",service="s"' if self.mode == "token" else "Basic"
            self.reply(401, {"WWW-Authenticate": realm})
        elif self.mode == "broken":
            self.reply(503)
        else:
            here = self.path == "/v2/team/web/manifests/here"
            self.reply(200 if here else 404, {"Docker-Content-Digest": DIGEST} if here else {})

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
    assert repository.digest("here", ME) == DIGEST
    assert repository.digest("gone", ME) is None


def test_without_credentials_the_stored_login_counts(repository: Repository, tmp_path: Path) -> None:
    stored = {"auth": base64.b64encode(b"me:pass:word").decode()}
    (tmp_path / "config.json").write_text(json.dumps({"auths": {repository.host: stored}}))
    assert repository.digest("here", None) == DIGEST


def test_who_is_not_let_in_cannot_tell(repository: Repository) -> None:
    if Registry.mode != "open":
        with pytest.raises(RegistryUnavailable, match=repository.host):
            repository.digest("here", Login("me", "wrong"))


def test_an_error_of_the_registry_is_not_taken_for_a_missing_image(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "mode", "broken")
    with pytest.raises(RegistryUnavailable, match="503"):
        repository.digest("here", None)


def test_a_registry_that_is_away_is_named_with_its_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with pytest.raises(RegistryUnavailable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        Repository("127.0.0.1:1/web").digest("here", None)


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


HELPERS = {
    "slow": ("sleep 9", "did not answer within 0.2 s"),
    "printing text": ("echo Please log in: canary", "printed no login in JSON"),
    "printing a list": ("echo []", "printed no login in JSON"),
    "printing half of it": ("""echo '{"Secret": "canary"}'""", "printed no login in JSON"),
    "for another system": ("#", "cannot be run: Exec format error"),
}


def store(directory: Path, monkeypatch: pytest.MonkeyPatch, config: object) -> None:
    (directory / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(directory))


@pytest.mark.parametrize(("script", "reason"), HELPERS.values(), ids=HELPERS)
def test_a_broken_credential_helper_is_named(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-vault"
    helper.write_bytes(b"\x7fELF" if script == "#" else f"#!/bin/sh\nexec 2>&1\n{script}\n".encode())
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(module, "HELPER_TIMEOUT", 0.2)
    store(tmp_path, monkeypatch, {"credHelpers": {"ghcr.io": "vault"}})
    with pytest.raises(RegistryUnavailable, match=f"docker-credential-vault {reason} for ghcr.io") as error:
        docker_login("ghcr.io")
    assert "canary" not in str(error.value)


def test_a_helper_that_is_not_installed_leaves_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auths = {"https://ghcr.io": {"auth": base64.b64encode(b"me:x").decode()}, "quay.io": {}}
    store(tmp_path, monkeypatch, {"credsStore": "uninstalled", "auths": auths})
    assert docker_login("ghcr.io") == Login("me", "x")
    assert docker_login("quay.io") is None, "az acr login stores no password"


@pytest.mark.parametrize(
    "config", [[], {"auths": {"ghcr.io": {"auth": "%"}}}, {"auths": []}, {"auths": {"ghcr.io": 1}}]
)
def test_an_unreadable_login_is_not_a_traceback(
    config: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(tmp_path, monkeypatch, config)
    try:
        assert docker_login("ghcr.io") is None
    except RegistryUnavailable as error:
        assert "ghcr.io" in str(error)


class Redirecting(Registry):
    """Redirects whatever it is asked to `elsewhere`."""

    elsewhere = ""

    def do_HEAD(self) -> None:
        if "Authorization" not in self.headers:
            self.reply(401, {"WWW-Authenticate": self.challenge()})
        else:
            self.reply(307, {"Location": f"{self.elsewhere}{self.path}"})

    def do_GET(self) -> None:
        self.reply(302, {"Location": f"{self.elsewhere}{self.path}"})

    def challenge(self) -> str:
        return "Basic" if self.mode == "basic" else f'Bearer realm="http://{self.headers["Host"]}/token"'


class Listening(Registry):
    """Records each login that it gets."""

    logins: ClassVar[list[str | None]] = []

    def do_HEAD(self) -> None:
        self.logins.append(self.headers["Authorization"])
        self.reply(200, {"Docker-Content-Digest": DIGEST})

    def do_GET(self) -> None:
        self.logins.append(self.headers["Authorization"])
        self.reply(200, body='{"token": "t"}')


@pytest.mark.parametrize("mode", ["basic", "token"])
def test_a_login_follows_no_redirect_to_another_server(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redirecting, "mode", mode)
    logins: list[str | None] = []
    monkeypatch.setattr(Listening, "logins", logins)
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in (Redirecting, Listening)]
    for server in servers:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        here, there = (server.server_port for server in servers)
        monkeypatch.setattr(Redirecting, "elsewhere", f"http://localhost:{there}")
        assert Repository(f"localhost:{here}/team/web").digest("here", ME) == DIGEST
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
    assert logins
    assert set(logins) == {None}


@pytest.mark.parametrize(
    "realm", ["http://localhost:1@evil.example/t", "http://evil.example/t", "file:///etc"]
)
def test_a_token_is_fetched_by_https_or_from_the_registry(realm: str) -> None:
    with pytest.raises(RegistryUnavailable, match="not HTTPS"):
        Repository("localhost:1/web")._authorization(f'Bearer realm="{realm}"', ME)


def test_a_password_does_not_show_in_a_representation() -> None:
    assert "pass:word" not in repr(ME)
