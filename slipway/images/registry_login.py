"""The logins that `docker login` stored, in a file or with a credential helper."""

import base64
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway import process
from slipway.errors import CommandFailed, CommandNotFound, CommandTimeout, RegistryUnavailable

HELPER_TIMEOUT_S = 30.0
"""A credential helper may wait for the user to unlock a keychain."""


@dataclass(frozen=True)
class Login:
    """User name and password (or access token) for a registry."""

    username: str
    password: str = field(repr=False)

    @property
    def header(self) -> str:
        """The Authorization header of HTTP basic authentication."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def docker_login(host: str) -> Login | None:
    """Return the stored login for a registry; None without one.

    Raises:
        RegistryUnavailable: the file or the credential helper cannot be read. The message has no secret.
    """
    file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
    server = "https://index.docker.io/v1/" if host == "docker.io" else host
    try:
        config = json.loads(file.read_text())
        stored = _stored(config.get("auths", {}), server)
        helper = config.get("credHelpers", {}).get(server) or config.get("credsStore")
    except OSError:
        return None
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise RegistryUnavailable(
            f"the login for registry {host} in {file} cannot be read ({type(error).__name__}):"
            f" run `docker login {host}` again"
        ) from None
    if not helper:
        return stored
    try:
        return _ask(str(helper), server)
    except CommandNotFound:
        if stored:
            return stored
        reason = f"is not installed: install it, or remove its name from {file}"
    except CommandTimeout:
        reason = f"did not answer within {HELPER_TIMEOUT_S:g} s: run it in a terminal, it may wait for you"
    except CommandFailed as error:
        reason = f"{str(error).partition(' ')[2]}: install it for this system, or remove its name from {file}"
    except (ValueError, LookupError, TypeError):  # the message could repeat the secret
        reason = f"printed no login in JSON: run `docker login {host}` again"
    raise RegistryUnavailable(f"credential helper docker-credential-{helper} for {host} {reason}")


def _stored(auths: dict[str, Any], server: str) -> Login | None:
    """Return the login in the file. Docker finds it by the host alone, if not by the whole key.

    https://github.com/docker/cli/blob/master/cli/config/configfile (ConvertToHostname)
    """
    same = [key for key in auths if _host(key) == _host(server)]
    keys = sorted(same, key=lambda key: key != server)
    encoded = next((auths[key]["auth"] for key in keys if "auth" in auths[key]), "")
    username, _, password = base64.b64decode(encoded).decode().partition(":")
    return Login(username, password) if password else None


def _host(server: str) -> str:
    return re.sub("^https?://", "", server).partition("/")[0]


def _ask(helper: str, server: str) -> Login | None:
    """Ask a credential helper: https://github.com/docker/docker-credential-helpers#development."""
    done = process.run(f"docker-credential-{helper}", "get", stdin=server, timeout_s=HELPER_TIMEOUT_S)
    if done.code:
        return None  # as for a server without a login
    login = json.loads(done.stdout)
    return Login(str(login["Username"]), str(login["Secret"])) if login["Secret"] else None
