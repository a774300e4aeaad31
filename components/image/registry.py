"""Client of an image registry: checks before a build whether a tag exists.

https://distribution.github.io/distribution/spec/api/ and, for tokens, .../spec/auth/token/
"""

import base64
import http.client
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from components.image.reference import split

TIMEOUT = 3
"""Seconds for each of at most three requests: a preview must not hang on a registry that is down."""

HELPER_TIMEOUT = 30
"""Seconds for a credential helper, which may wait for the user to unlock a keychain."""

LARGEST_TOKEN = 2**20
"""Bytes of a token server's answer to read."""

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

    def digest(self, tag: str, login: Login | None) -> str | None:
        """Return the digest that the tag names, or None if the registry does not have the tag.

        Without `login`, use the login that `docker login` stored.

        Raises:
            RegistryUnavailable: the registry is unreachable, or refuses the login.
        """
        url = f"{self.url}{self.path}/manifests/{tag}"
        headers = {"Accept": MANIFESTS}
        status, answer = _request(url, headers, "HEAD")
        if status == 401:
            login = login or docker_login(self.host)
            headers["Authorization"] = self._authorization(answer.get("WWW-Authenticate", ""), login)
            status, answer = _request(url, headers, "HEAD")
        digest = answer.get("Docker-Content-Digest", "")
        if status == 404 or (status == 200 and re.fullmatch("sha256:[0-9a-f]{64}", digest)):
            return digest if status == 200 else None
        raise RegistryUnavailable(
            f"registry {self.host} at {self.url} answered {status} for {self.path}:{tag}"
            + (" without a digest" if status == 200 else "")
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
        if not (realm.startswith("https://") or _origin(realm) == _origin(self.url)):
            raise RegistryUnavailable(
                f"registry {self.host} redirects to {realm!r} for a token, which is not HTTPS"
            )
        headers = {"Authorization": login.header} if login else {}
        url = f"{realm}?{urllib.parse.urlencode(query)}"
        try:
            with _open(urllib.request.Request(url, headers=headers)) as answer:  # noqa: S310  # checked above
                token = json.loads(answer.read(LARGEST_TOKEN))
            return f"Bearer {token.get('token') or token['access_token']}"
        except (OSError, ValueError, LookupError, AttributeError) as error:
            raise RegistryUnavailable(f"no token for registry {self.host} from {realm}: {error}") from None


class _WithoutLogin(urllib.request.HTTPRedirectHandler):
    """Follows redirects, and sends a login to no other server than the one that it is for."""

    def redirect_request(self, req: urllib.request.Request, *args: Any) -> urllib.request.Request | None:
        redirected = super().redirect_request(req, *args)
        if redirected:
            redirected.method = req.get_method()
        if redirected and _origin(redirected.full_url) != _origin(req.full_url):
            redirected.remove_header("Authorization")
        return redirected


def _origin(url: str) -> tuple[str, str]:
    """Return the scheme and the server of a URL."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _open(request: urllib.request.Request) -> Any:
    return urllib.request.build_opener(_WithoutLogin).open(request, timeout=TIMEOUT)


def _request(url: str, headers: dict[str, str], method: str) -> tuple[int, Message]:
    """Return the status and the headers of the answer."""
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310  # made by Repository.url
    try:
        with _open(request) as answer:
            return int(answer.status), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise RegistryUnavailable(
            f"registry at {url.partition('/v2/')[0]} cannot be reached: {reason}"
        ) from None


def docker_login(host: str) -> Login | None:
    """Return the login that `docker login` stored for the registry, in a file or a credential helper.

    Raises:
        RegistryUnavailable: the helper or the file does not answer as it must.
    """
    directory = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    try:
        config = json.loads(Path(directory, "config.json").read_text())
        helpers, auths = config.get("credHelpers", {}), config.get("auths", {})
        server = "https://index.docker.io/v1/" if host == "docker.io" else host
        helper = helpers.get(server) or config.get("credsStore")
        if helper and (program := shutil.which(f"docker-credential-{helper}")):
            return _helper_login(program, server)
        # Docker finds a login with or without a scheme in front of the host.
        keys = (server, f"https://{server}", f"http://{server}")
        stored = next((auths[key]["auth"] for key in keys if "auth" in auths.get(key, {})), "")
        username, _, password = base64.b64decode(stored).decode().partition(":")
    except OSError:
        return None
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise RegistryUnavailable(
            f"the login for registry {host} in {directory}/config.json cannot be read: {type(error).__name__}"
        ) from None
    return Login(username, password) if password else None


def _helper_login(program: str, server: str) -> Login | None:
    """Ask a credential helper: https://github.com/docker/docker-credential-helpers#development."""
    try:
        done = subprocess.run(
            [program, "get"], input=server, capture_output=True, text=True, timeout=HELPER_TIMEOUT
        )
        if done.returncode:
            return None  # as for a server without a login
        login = json.loads(done.stdout)
        return Login(str(login["Username"]), str(login["Secret"])) if login["Secret"] else None
    except subprocess.TimeoutExpired:
        reason = f"did not answer within {HELPER_TIMEOUT} s"
    except OSError as error:
        reason = f"cannot be run: {error.strerror}"
    except (ValueError, LookupError, TypeError):  # the message could repeat the secret
        reason = "printed no login in JSON"
    raise RegistryUnavailable(f"credential helper {Path(program).name} {reason} for {server}")
