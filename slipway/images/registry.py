"""A client for the parts of a registry's API that buildx has no command for: listing tags, and deleting.

https://distribution.github.io/distribution/spec/api/ and, for tokens, …/spec/auth/token/
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from slipway import process
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
    """A repository of a registry, with the login of `docker login`."""

    def __init__(self, name: str) -> None:
        """Parse a name as for `docker push`: ghcr.io/acme/hits."""
        self.host, self.path = references.split(name)
        server = "registry-1.docker.io" if self.host == "docker.io" else self.host
        # Like Docker, use plain HTTP for this machine only.
        scheme = "http" if _LOCAL.fullmatch(server) else "https"
        self._client = httpx.Client(
            base_url=f"{scheme}://{server}/v2/{self.path}/", timeout=TIMEOUT_S, headers={"Accept": _MANIFESTS}
        )

    def __enter__(self) -> "Repository":
        """Enter a context that closes the connections at its end."""
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def tags(self) -> dict[str, str]:
        """Return the digest of each tag; empty when the repository does not exist."""
        return {tag: digest for tag in self._names() if (digest := self.digest(tag))}

    def digest(self, tag: str) -> str | None:
        """Return the digest of a tag; None when the tag does not exist."""
        response = self._ask("HEAD", f"manifests/{tag}")
        return response.headers["Docker-Content-Digest"] if response.status_code == 200 else None

    def children(self, digest: str) -> frozenset[str]:
        """Return the digests of the manifests in an image index; empty for an image."""
        response = self._ask("GET", f"manifests/{digest}")
        content: dict[str, Any] = response.json() if response.status_code == 200 else {}
        return frozenset(manifest["digest"] for manifest in content.get("manifests", ()))

    def delete(self, digest: str) -> None:
        """Delete a manifest and all its tags; the registry's garbage collection deletes the layers.

        Raises:
            SlipwayError: when the registry refuses.
        """
        response = self._ask("DELETE", f"manifests/{digest}")
        if response.status_code == 405:
            raise SlipwayError(
                f"registry {self.host} does not allow deletions: enable them in its configuration"
            )
        if response.status_code not in (202, 404):
            raise SlipwayError(
                f"registry {self.host} returned {response.status_code} for the deletion of {digest}"
            )

    def _names(self) -> Iterator[str]:
        page = "tags/list?n=1000"
        while page:
            response = self._ask("GET", page)
            if response.status_code == 404:
                return
            yield from response.raise_for_status().json().get("tags") or ()
            page = response.links.get("next", {}).get("url", "")

    def _ask(self, method: str, url: str) -> httpx.Response:
        try:
            response = self._client.request(method, url)
            if response.status_code == 401:
                self._client.headers["Authorization"] = self._authorization(response, method)
                response = self._client.request(method, url)
        except httpx.HTTPError as error:
            raise SlipwayError(f"registry {self.host} is unreachable: {error}") from None
        if response.status_code in (401, 403):
            raise SlipwayError(f"not authorised by registry {self.host}: run `docker login {self.host}`")
        return response

    def _authorization(self, response: httpx.Response, method: str) -> str:
        login = docker_login(self.host)
        basic = f"Basic {base64.b64encode(login.encode()).decode()}" if login else ""
        challenge = response.headers.get("WWW-Authenticate", "")
        if not challenge.lower().startswith("bearer "):
            return basic
        parts = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = parts.get("realm", "")
        if not realm.startswith(("https://", str(self._client.base_url).partition("/v2/")[0])):
            raise SlipwayError(f"registry {self.host} names {realm!r} for tokens, which is not HTTPS")
        actions = "pull,delete" if method == "DELETE" else "pull"
        query = {"scope": f"repository:{self.path}:{actions}", "service": parts.get("service", "")}
        token = httpx.get(
            realm, params=query, headers={"Authorization": basic} if basic else {}, timeout=TIMEOUT_S
        )
        body = token.json() if token.status_code == 200 else {}
        return f"Bearer {body.get('token') or body.get('access_token') or ''}"


def docker_login(host: str) -> str | None:
    """Return user:password from the file or the credential helper of `docker login`."""
    directory = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        config = json.loads(Path(directory, "config.json").read_text())
    except (OSError, ValueError):
        return None
    server = "https://index.docker.io/v1/" if host == "docker.io" else host
    helper = config.get("credHelpers", {}).get(server) or config.get("credsStore")
    if helper:
        result = process.run(f"docker-credential-{helper}", "get", stdin=server)
        if result.code == 0:
            login = json.loads(result.stdout)
            return f"{login['Username']}:{login['Secret']}"
    stored = config.get("auths", {}).get(server, {}).get("auth")
    return base64.b64decode(stored).decode() if stored else None
