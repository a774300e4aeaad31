"""The part of a registry that buildx has no command for: which tags there are, and deleting.

https://distribution.github.io/distribution/spec/api/ and, for tokens, …/spec/auth/token/
"""

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from slipway.errors import SlipwayError
from slipway.images import references

TIMEOUT_S = 20
INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = ", ".join(
    (
        *INDEXES,
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_LOCAL = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")


class Repository:
    """One repository of a registry, with the login that `docker login` made."""

    def __init__(self, name: str) -> None:
        """Take a name as in `docker push`: ghcr.io/acme/hits."""
        self.host, self.path = references.split(name)
        server = "registry-1.docker.io" if self.host == "docker.io" else self.host
        # As for every Docker client, plain HTTP is for this machine only.
        scheme = "http" if _LOCAL.fullmatch(server) else "https"
        self._client = httpx.Client(
            base_url=f"{scheme}://{server}/v2/{self.path}/", timeout=TIMEOUT_S, headers={"Accept": _MANIFESTS}
        )

    def __enter__(self) -> "Repository":
        """Use it as a context manager: it closes its connections."""
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def tags(self) -> dict[str, str]:
        """Return each tag with the digest that it names; none when there is no such repository."""
        return {tag: digest for tag in self._names() if (digest := self.digest(tag))}

    def digest(self, tag: str) -> str | None:
        """Return the digest that a tag names; None when it is gone."""
        answer = self._ask("HEAD", f"manifests/{tag}")
        return answer.headers["Docker-Content-Digest"] if answer.status_code == 200 else None

    def children(self, digest: str) -> frozenset[str]:
        """Return the manifests that an index holds; none for what is no index."""
        answer = self._ask("GET", f"manifests/{digest}")
        content: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return frozenset(one["digest"] for one in content.get("manifests", ()))

    def delete(self, digest: str) -> None:
        """Delete a manifest, and so every tag that names it; its layers go with the registry's own clean-up.

        Raises:
            SlipwayError: when the registry does not let it be deleted.
        """
        answer = self._ask("DELETE", f"manifests/{digest}")
        if answer.status_code == 405:
            raise SlipwayError(
                f"registry {self.host} does not allow deleting; it has to be switched on there"
            )
        if answer.status_code not in (202, 404):
            raise SlipwayError(f"registry {self.host} answers {answer.status_code} to deleting {digest}")

    def _names(self) -> Iterator[str]:
        page = "tags/list?n=1000"
        while page:
            answer = self._ask("GET", page)
            if answer.status_code == 404:
                return
            yield from answer.raise_for_status().json().get("tags") or ()
            page = answer.links.get("next", {}).get("url", "")

    def _ask(self, method: str, url: str) -> httpx.Response:
        try:
            answer = self._client.request(method, url)
            if answer.status_code == 401:
                self._client.headers["Authorization"] = self._authorization(answer, method)
                answer = self._client.request(method, url)
        except httpx.HTTPError as error:
            raise SlipwayError(f"registry {self.host} cannot be reached: {error}") from None
        if answer.status_code in (401, 403):
            raise SlipwayError(f"registry {self.host} does not let us in: docker login {self.host}")
        return answer

    def _authorization(self, answer: httpx.Response, method: str) -> str:
        login = docker_login(self.host)
        basic = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        challenge = answer.headers.get("WWW-Authenticate", "")
        if not challenge.lower().startswith("bearer "):
            return basic
        parts = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = parts.get("realm", "")
        if not realm.startswith(("https://", str(self._client.base_url).partition("/v2/")[0])):
            raise SlipwayError(f"registry {self.host} sends its users to {realm!r} for a token: not HTTPS")
        actions = "pull,delete" if method == "DELETE" else "pull"
        query = {"scope": f"repository:{self.path}:{actions}", "service": parts.get("service", "")}
        token = httpx.get(
            realm, params=query, headers={"Authorization": basic} if basic else {}, timeout=TIMEOUT_S
        )
        found = token.json() if token.status_code == 200 else {}
        return f"Bearer {found.get('token') or found.get('access_token') or ''}"


def docker_login(host: str) -> str | None:
    """Return user:password as `docker login` stored it, in its file or with its credential helper."""
    directory = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        config = json.loads(Path(directory, "config.json").read_text())
    except (OSError, ValueError):
        return None
    server = "https://index.docker.io/v1/" if host == "docker.io" else host
    helper = config.get("credHelpers", {}).get(server) or config.get("credsStore")
    if helper:
        words = (f"docker-credential-{helper}", "get")
        answer = subprocess.run(words, input=server, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            found = json.loads(answer.stdout)
            return f"{found['Username']}:{found['Secret']}"
    stored = config.get("auths", {}).get(server, {}).get("auth")
    return base64.b64decode(stored).decode() if stored else None
