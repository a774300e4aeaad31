"""The client of image registries, for the program and for `slipway`.

It sends a login to the registry and its token server, and to no other server.
https://distribution.github.io/distribution/spec/api/ and, for tokens, …/spec/auth/token/
"""

import hashlib
import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.message import Message
from threading import Thread
from typing import Any, NamedTuple

from slipway.errors import ImageNotFound, SlipwayError
from slipway.errors import RegistryUnavailable as RegistryUnavailable  # also for the program
from slipway.images import references
from slipway.images.registry_login import Login, docker_login

TIMEOUT_S = 20.0
LARGEST_ANSWER = 16 * 2**20
"""Bytes of an answer to read. Registries limit manifests to 4 MiB."""
SLOWEST_UPLOAD = 100_000
"""Bytes a second; a slower upload is given up."""
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CONNECTIONS = 8
_ACTIONS = {"DELETE": "pull,delete", "POST": "pull,push", "PUT": "pull,push"}
"""What a login must allow, by the method of the request."""
_LOCAL = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


class Answer(NamedTuple):
    """A response of a registry."""

    status: int
    headers: Message
    body: bytes


@dataclass(frozen=True)
class Repository:
    """A repository of a registry, named as for `docker push`: ghcr.io/acme/hits."""

    name: str
    login: Login | None = None
    """The login for the registry; without it, the one that `docker login` stored."""
    timeout_s: float = TIMEOUT_S
    """For each of at most three requests."""
    _authorizations: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The Authorization header by actions: pull."""

    @property
    def host(self) -> str:
        """The registry."""
        return references.split(self.name)[0]

    @property
    def path(self) -> str:
        """The repository's name within the registry."""
        return references.split(self.name)[1]

    @property
    def url(self) -> str:
        """The root of the registry's API. Like Docker, use plain HTTP for this machine only."""
        server = "registry-1.docker.io" if self.host == "docker.io" else self.host
        return f"{'http' if _LOCAL.fullmatch(server) else 'https'}://{server}/v2/"

    def check_reachable(self) -> None:
        """Raise RegistryUnavailable unless the registry answers."""
        self._send("GET", self.url, {})

    def digest(self, tag: str) -> str | None:
        """Return the digest of a tag; None when the registry does not have the tag."""
        answer = self._ask("HEAD", f"manifests/{tag}", 200, 404)
        if answer.status == 404:
            return None
        digest = str(answer.headers.get("Docker-Content-Digest", ""))
        if not re.fullmatch(references.DIGEST, digest):
            raise RegistryUnavailable(f"registry {self.host} has no digest for {self.path}:{tag}")
        return digest

    def tags(self) -> dict[str, str]:
        """Return the digest of each tag; empty when the repository does not exist."""
        names = list(self._names())
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return {
                tag: digest for tag, digest in zip(names, pool.map(self.digest, names), strict=True) if digest
            }

    def manifest(self, reference: str) -> dict[str, Any]:
        """Return the manifest or the image index of a tag or digest.

        Raises:
            ImageNotFound: the registry does not have it.
        """
        return self._json(f"manifests/{reference}", reference)

    def blob(self, digest: str) -> dict[str, Any]:
        """Return a JSON document, such as the configuration of an image."""
        return self._json(f"blobs/{digest}", digest)

    def children(self, digest: str) -> frozenset[str]:
        """Return the digests of the manifests in an image index; empty for an image."""
        try:
            return frozenset(manifest["digest"] for manifest in self.manifest(digest).get("manifests", ()))
        except ImageNotFound:
            return frozenset()

    def delete(self, digest: str) -> None:
        """Delete a manifest and all its tags; the registry's garbage collection deletes the layers."""
        if self._ask("DELETE", f"manifests/{digest}", 202, 404, 405).status == 405:
            raise SlipwayError(
                f"registry {self.host} does not allow deletions: enable them in its configuration"
            )

    def push_blob(self, content: bytes) -> None:
        """Upload a layer or a configuration, unless the repository has it."""
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if self._ask("HEAD", f"blobs/{digest}", 200, 404).status == 200:
            return
        answer = self._ask("POST", "blobs/uploads/", 202)
        place = urllib.parse.urljoin(f"{self.url}{self.path}/blobs/uploads/", answer.headers["Location"])
        if _origin(place) != _origin(self.url):
            raise RegistryUnavailable(f"registry {self.host} names another server for uploads: {place}")
        place += f"{'&' if '?' in place else '?'}{urllib.parse.urlencode({'digest': digest})}"
        self._ask("PUT", place, 201, content=content)

    def push_manifest(self, tag: str, content: bytes, media_type: str) -> None:
        """Upload a manifest, whose blobs the repository has, under a tag."""
        self._ask("PUT", f"manifests/{tag}", 201, content=content, media_type=media_type)

    def _names(self) -> Iterator[str]:
        answer = self._ask("GET", "tags/list?n=1000", 200, 404)
        while answer.status == 200:
            yield from self._parsed(answer).get("tags") or ()
            page = self._next(answer)
            if not page:
                return
            answer = self._ask("GET", page, 200)

    def _next(self, answer: Answer) -> str | None:
        """Return the URL of the next page, on the same server: a login must not go anywhere else."""
        link = re.search(r'<([^>]*)>\s*;[^,]*\brel="?next\b', ", ".join(answer.headers.get_all("Link", [])))
        if not link:
            return None
        page: str = urllib.parse.urljoin(f"{self.url}{self.path}/tags/list", link[1])
        if _origin(page) != _origin(self.url):
            raise RegistryUnavailable(
                f"registry {self.host} names another server for the next page of tags: {page}"
            )
        return page

    def _json(self, path: str, reference: str) -> dict[str, Any]:
        answer = self._ask("GET", path, 200, 404)
        if answer.status == 404:
            raise ImageNotFound(f"registry {self.host} does not have {self.path} {reference}")
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if re.fullmatch(references.DIGEST, reference) and digest != reference:
            raise RegistryUnavailable(f"registry {self.host} answers {reference} with content of {digest}")
        return self._parsed(answer)

    def _parsed(self, answer: Answer) -> dict[str, Any]:
        try:
            content = json.loads(answer.body)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise RegistryUnavailable(
                f"registry {self.host} at {self.url} does not answer with a JSON object"
            )
        return content

    def _ask(
        self,
        method: str,
        path: str,
        *expected: int,
        content: bytes | None = None,
        media_type: str = "application/octet-stream",
    ) -> Answer:
        """Return the answer to a request, made with a login if the registry wants one.

        Raises:
            RegistryUnavailable: the registry is unreachable, or answers with another status than `expected`.
        """
        url = urllib.parse.urljoin(f"{self.url}{self.path}/", path)
        actions = _ACTIONS.get(method, "pull")
        own = {} if content is None else {"Content-Type": media_type}
        answer = self._send(method, url, self._headers(actions) | own, content)
        if answer.status == 401:
            challenge = str(answer.headers.get("WWW-Authenticate", ""))
            self._authorizations[actions] = self._authorization(challenge, actions)
            answer = self._send(method, url, self._headers(actions) | own, content)
        if answer.status in expected:
            return answer
        denied = answer.status in (401, 403)
        raise RegistryUnavailable(
            f"registry {self.host} at {self.url} answered {answer.status} to {method} {self.path}/{path}"
            + (f": `docker login {self.host}` stores a login" if denied else "")
        )

    def _headers(self, actions: str) -> dict[str, str]:
        known = self._authorizations.get(actions)
        return {"Accept": MANIFESTS} | ({"Authorization": known} if known else {})

    def _authorization(self, challenge: str, actions: str) -> str:
        login = self.login or docker_login(self.host)
        basic = login.header if login else ""
        if not challenge.lower().startswith("bearer "):
            return basic
        parts = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = {"scope": f"repository:{self.path}:{actions}"}
        query |= {key: parts[key] for key in ("service",) if key in parts}
        realm = parts.get("realm", "")
        if not (realm.startswith("https://") or _origin(realm) == _origin(self.url)):
            raise RegistryUnavailable(f"registry {self.host} names {realm!r} for tokens, which is not HTTPS")
        url = f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(query)}"
        answer = self._send("GET", url, {"Authorization": basic} if basic else {})
        if answer.status != 200:
            raise RegistryUnavailable(
                f"{realm} answered {answer.status}, and no token for {self.path} of registry {self.host}:"
                f" `docker login {self.host}` stores a login"
            )
        token = self._parsed(answer)
        return f"Bearer {token.get('token') or token.get('access_token') or ''}"

    def _send(self, method: str, url: str, headers: dict[str, str], content: bytes | None = None) -> Answer:
        request = urllib.request.Request(url, content, headers, method=method)  # noqa: S310 # https, or this machine
        answers: list[Answer | Exception] = []
        # The limit of a connection is for each part of an answer, so a slow server could send parts for ever.
        thread = Thread(target=_answer, args=(request, self.timeout_s, answers), daemon=True)
        thread.start()
        limit_s = self.timeout_s + len(content or b"") / SLOWEST_UPLOAD
        thread.join(limit_s)
        answer = answers[0] if answers else TimeoutError(f"it did not answer within {limit_s:g} s")
        if isinstance(answer, Answer):
            return answer
        reason = getattr(answer, "reason", answer)
        server = "://".join(_origin(url))
        raise RegistryUnavailable(f"registry at {server} cannot be reached: {reason}")


def _answer(request: urllib.request.Request, timeout_s: float, answers: list[Answer | Exception]) -> None:
    """Append the answer to a request, or why there is none."""
    opener = urllib.request.build_opener(_Redirects)
    try:
        with opener.open(request, timeout=timeout_s) as answer:
            body = answer.read(LARGEST_ANSWER + 1)
            if len(body) > LARGEST_ANSWER:
                raise ValueError(f"the answer has more than {LARGEST_ANSWER} bytes")
            answers.append(Answer(answer.status, answer.headers, body))
    except urllib.error.HTTPError as error:
        with error:
            answers.append(Answer(error.code, error.headers, b""))
    except (OSError, ValueError, http.client.HTTPException) as error:
        answers.append(error)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects with the same method: never to plain HTTP, to another server without the login."""

    def redirect_request(self, req: urllib.request.Request, *args: Any) -> urllib.request.Request | None:
        redirected = super().redirect_request(req, *args)
        if redirected is None or (req.type == "https" and redirected.type != "https"):
            return None
        redirected.method = req.get_method()
        if _origin(redirected.full_url) != _origin(req.full_url):
            redirected.remove_header("Authorization")
        return redirected


def _origin(url: str) -> tuple[str, str]:
    """Return the scheme and the server of a URL."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc.lower()
