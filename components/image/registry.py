"""Client of an image registry: checks before a build whether a tag exists.

https://distribution.github.io/distribution/spec/api/ and, for tokens, .../spec/auth/token/
"""

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from components.image.reference import split

TIMEOUT = 3
"""Seconds for each of at most three requests: a preview must not hang on a registry that is down."""

MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


class RegistryUnavailable(Exception):
    """The registry did not answer; the message has its address and the reason."""


@dataclass(frozen=True)
class Login:
    """User name and password (or access token) for a registry."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The Authorization header of HTTP basic authentication."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Repository:
    """A repository in a registry, named as in `docker push`."""

    name: str

    @property
    def host(self) -> str:
        """The registry."""
        return split(self.name)[0]

    @property
    def path(self) -> str:
        """The repository's name within the registry."""
        return split(self.name)[1]

    @property
    def url(self) -> str:
        """The registry's address. As in every Docker client, plain HTTP is for this machine only."""
        host = "registry-1.docker.io" if self.host == "docker.io" else self.host
        local = re.fullmatch(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?", host)
        return f"http{'' if local else 's'}://{host}/v2/"

    def has(self, tag: str, login: Login | None) -> bool:
        """Return whether the registry has the tag. Without `login`, use the login that `docker login` stored.

        Raises:
            RegistryUnavailable: the registry is unreachable, or refuses the login.
        """
        url = f"{self.url}{self.path}/manifests/{tag}"
        headers = {"Accept": MANIFESTS}
        login = login or docker_login(self.host)
        status, challenge = _request(url, headers, "HEAD")
        if status == 401:
            headers["Authorization"] = self._authorization(challenge, login)
            status, _ = _request(url, headers, "HEAD")
        if status in (200, 404):
            return status == 200
        raise RegistryUnavailable(
            f"registry {self.host} at {self.url} answered {status} for {self.path}:{tag}"
        )

    def check_reachable(self) -> None:
        """Check that the registry answers.

        Raises:
            RegistryUnavailable: the registry does not answer.
        """
        _request(self.url, {}, "GET")

    def _authorization(self, challenge: str, login: Login | None) -> str:
        if not challenge.lower().startswith("bearer "):
            return login.header if login else ""
        parts = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        query = {"scope": f"repository:{self.path}:pull"} | {k: parts[k] for k in ("service",) if k in parts}
        realm = parts.get("realm", "")
        if not realm.startswith(("https://", self.url.removesuffix("v2/"))):
            raise RegistryUnavailable(
                f"registry {self.host} redirects to {realm!r} for a token, which is not HTTPS"
            )
        request = urllib.request.Request(f"{realm}?{urllib.parse.urlencode(query)}")  # noqa: S310  # checked above
        if login:
            request.add_header("Authorization", login.header)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
                token = json.load(answer)
        except (OSError, ValueError) as error:
            raise RegistryUnavailable(f"no token for registry {self.host} from {realm}: {error}") from None
        return f"Bearer {token.get('token') or token.get('access_token')}"


def _request(url: str, headers: dict[str, str], method: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310  # made by Repository.url
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return int(answer.status), ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("WWW-Authenticate", "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise RegistryUnavailable(
            f"registry at {url.partition('/v2/')[0]} cannot be reached: {reason}"
        ) from None


def docker_login(host: str) -> Login | None:
    """Return the login that `docker login` stored for the registry, in a file or a credential helper."""
    directory = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        config = json.loads(Path(directory, "config.json").read_text())
    except (OSError, ValueError):
        return None
    server = "https://index.docker.io/v1/" if host == "docker.io" else host
    helper = config.get("credHelpers", {}).get(server) or config.get("credsStore")
    program = shutil.which(f"docker-credential-{helper}") if helper else None
    if program:
        answer = subprocess.run(
            [program, "get"], input=server, capture_output=True, text=True, timeout=TIMEOUT
        )
        if answer.returncode == 0:
            login = json.loads(answer.stdout)
            return Login(login["Username"], login["Secret"])
    stored = config.get("auths", {}).get(server, {}).get("auth")
    if not stored:
        return None
    username, _, password = base64.b64decode(stored).decode().partition(":")
    return Login(username, password)
