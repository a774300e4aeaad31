"""The registry client, against a registry that speaks the protocol on a real port."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request

import pytest

from slipway.errors import ImageNotFound, RegistryUnavailable, SlipwayError
from slipway.images.registry import Repository, _Redirects
from slipway.images.registry_login import Login
from tests.unit.recorder import DIGEST

ME = Login("me", "pass:word")
PAGES = {"": ["a", "b"], "b": ["c"]}
"""The tags of the registry, by the last tag of the page before."""


class Registry(BaseHTTPRequestHandler):
    """Holds team/web:here and the tags of PAGES; `mode` is its kind of login."""

    mode = "open"
    next_page = "/v2/team/web/tags/list?last=b"

    def do_HEAD(self) -> None:
        if not self.allowed():
            self.refuse()
        elif self.mode == "broken":
            self.reply(503)
        else:
            here = self.path.removeprefix("/v2/team/web/manifests/") in ("here", "a", "b", "c")
            self.reply(200 if here else 404, {"Docker-Content-Digest": DIGEST} if here else {})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/token" and self.headers["Authorization"] == ME.header:
            scope = parse_qs(url.query)["scope"][0]
            self.reply(200, body=json.dumps({"token": f"for {scope}"}))
        elif url.path == "/v2/team/web/tags/list" and self.allowed():
            last = parse_qs(url.query).get("last", [""])[0]
            link = {} if last else {"Link": f'<{self.next_page}>; rel="next"'}
            self.reply(200, link, json.dumps({"tags": PAGES[last]}))
        elif url.path.startswith("/v2/") and self.allowed():
            self.reply(404)
        else:
            self.refuse()

    def do_DELETE(self) -> None:
        if self.allowed("pull,delete"):
            self.reply(405)
        else:
            self.refuse()

    def refuse(self) -> None:
        host = self.headers["Host"]
        realm = f'Bearer realm="http://{host}/token",service="s"' if self.mode == "token" else "Basic"
        self.reply(401, {"WWW-Authenticate": realm})

    def allowed(self, actions: str = "pull") -> bool:
        name = "/".join(self.path.split("/")[2:4])
        expected = {"basic": ME.header, "token": f"Bearer for repository:{name}:{actions}"}.get(self.mode)
        return expected in (None, self.headers["Authorization"])

    def reply(self, status: int, headers: dict[str, str] | None = None, body: str = "") -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(*handlers: type[BaseHTTPRequestHandler]) -> Iterator[list[int]]:
    """Run a server for each handler; yield their ports."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for handler in handlers]
    for server in servers:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    try:
        yield [server.server_port for server in servers]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.fixture(autouse=True)
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


@pytest.fixture(params=["open", "basic", "token"])
def repository(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setattr(Registry, "mode", request.param)
    with serving(Registry) as [port]:
        yield Repository(f"localhost:{port}/team/web", ME)


def test_a_tag_has_a_digest_or_none(repository: Repository) -> None:
    assert repository.digest("here") == DIGEST
    assert repository.digest("gone") is None


def test_without_credentials_the_stored_login_counts(repository: Repository, docker: Path) -> None:
    stored = {"auth": base64.b64encode(b"me:pass:word").decode()}
    (docker / "config.json").write_text(json.dumps({"auths": {repository.host: stored}}))
    assert Repository(repository.name).digest("here") == DIGEST


def test_a_refused_login_names_the_registry_and_the_fix(repository: Repository) -> None:
    if Registry.mode != "open":
        with pytest.raises(RegistryUnavailable, match=f"401.*`docker login {repository.host}`"):
            Repository(repository.name, Login("me", "wrong")).digest("here")


def test_an_error_of_the_registry_is_not_taken_for_a_missing_image(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "mode", "broken")
    with pytest.raises(RegistryUnavailable, match="503"):
        repository.digest("here")


def test_a_registry_that_is_away_is_named_with_its_address() -> None:
    with pytest.raises(RegistryUnavailable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
        Repository("127.0.0.1:1/web").digest("here")


class Dripping(Registry):
    """Sends a header every moment, for longer than the client waits."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        for number in range(30):
            self.send_header(f"X-{number}", "")
            self.flush_headers()
            time.sleep(0.1)
        self.end_headers()


def test_a_registry_that_drips_is_not_waited_for() -> None:
    """The limit is for the whole answer, not for each part of it."""
    with serving(Dripping) as [port]:
        begun = time.monotonic()
        with pytest.raises(RegistryUnavailable, match=r"did not answer within 0\.3 s"):
            Repository(f"localhost:{port}/team/web", timeout_s=0.3).digest("here")
        assert time.monotonic() - begun < 2


def test_tags_are_read_from_all_pages(repository: Repository) -> None:
    assert repository.tags() == {"a": DIGEST, "b": DIGEST, "c": DIGEST}
    assert Repository(repository.name.replace("web", "other"), ME).tags() == {}


def test_a_page_on_another_server_is_refused(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    logins: list[str | None] = []
    monkeypatch.setattr(Listening, "logins", logins)
    with serving(Listening) as [port]:
        monkeypatch.setattr(Registry, "next_page", f"http://localhost:{port}/v2/team/web/tags/list?last=b")
        with pytest.raises(RegistryUnavailable, match=f"another server for the next page .*:{port}/v2/"):
            repository.tags()
    assert logins == []


def test_a_registry_without_deletions_says_what_to_do(repository: Repository) -> None:
    with pytest.raises(SlipwayError, match="does not allow deletions: enable them"):
        repository.delete(DIGEST)


def test_a_manifest_is_what_its_digest_says(repository: Repository) -> None:
    with pytest.raises(ImageNotFound, match="does not have team/web sha256:a"):
        repository.manifest(DIGEST)


def test_a_redirect_never_leads_to_plain_http() -> None:
    request = Request("https://ghcr.io/v2/", headers={"Authorization": ME.header})
    for url, followed in (("http://ghcr.io/v2/", False), ("https://ghcr.io/v3/", True)):
        redirected = _Redirects().redirect_request(request, None, 302, "", {}, url)
        assert (redirected is not None) is followed


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
    with serving(Redirecting, Listening) as [here, there]:
        monkeypatch.setattr(Redirecting, "elsewhere", f"http://localhost:{there}")
        assert Repository(f"localhost:{here}/team/web", ME).digest("here") == DIGEST
    assert logins
    assert set(logins) == {None}


@pytest.mark.parametrize(
    "realm", ["http://localhost:1@evil.example/t", "http://evil.example/t", "file:///etc"]
)
def test_a_token_is_fetched_by_https_or_from_the_registry(realm: str) -> None:
    with pytest.raises(RegistryUnavailable, match="not HTTPS"):
        Repository("localhost:1/web", ME)._authorization(f'Bearer realm="{realm}"', "pull")


def test_a_password_does_not_show_in_a_representation() -> None:
    assert "pass:word" not in repr(ME)
