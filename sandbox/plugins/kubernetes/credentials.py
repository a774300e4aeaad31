"""Proving who we are to the API server: certificates, tokens, passwords and exec plugins."""

import asyncio
import base64
import json
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.kubernetes.kubeconfig import Access


def tls_context(access: Access) -> ssl.SSLContext:
    """What to trust, and the client certificate to show."""
    cluster, user = access.cluster, access.user
    authority = _content(cluster, "certificate-authority")
    context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _content(user, "client-certificate"), _content(user, "client-key")
    if certificate and key:
        show_certificate(context, certificate, key)
    return context


def show_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Show a client certificate from now on. Python reads one from files only: this is one in memory."""
    descriptor = os.memfd_create("client-certificate")
    try:
        os.write(descriptor, certificate + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    except ssl.SSLError as error:
        raise ProviderError(f"tls: the client certificate or its key is invalid: {error}") from error
    finally:
        os.close(descriptor)


class Headers:
    """The headers that say who we are. Tokens from exec plugins are renewed when they have expired."""

    def __init__(self, access: Access, context: ssl.SSLContext) -> None:
        self._access = access
        self._context = context
        self._token = ""
        self._expires: datetime | None = None
        self._lock = asyncio.Lock()
        if "auth-provider" in access.user:
            raise ProviderError("kubeconfig users with an auth-provider are not supported: use exec instead")

    async def current(self, *, renew: bool = False) -> dict[str, str]:
        """The headers for the next request; `renew` after the API server has refused the last ones."""
        user = self._access.user
        headers = {}
        if user.get("as"):
            headers["Impersonate-User"] = user["as"]
        if user.get("exec"):
            await self._run_plugin(user["exec"], renew=renew)
        token = self._token or user.get("token") or (_content(user, "tokenFile") or b"").decode().strip()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif user.get("username"):
            pair = f"{user['username']}:{user.get('password', '')}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return headers

    @property
    def renewable(self) -> bool:
        """Whether asking again may give other headers."""
        return bool(self._access.user.get("exec"))

    async def _run_plugin(self, plugin: Mapping[str, Any], *, renew: bool) -> None:
        async with self._lock:
            if self._expires and not renew and datetime.now(UTC) < self._expires:
                return
            status = await _run(plugin, self._access.cluster)
            self._token = status.get("token", "")
            expiry = status.get("expirationTimestamp")
            self._expires = (
                datetime.fromisoformat(expiry) if expiry else datetime.now(UTC) + timedelta(days=365)
            )
            if status.get("clientCertificateData"):
                certificate, key = status["clientCertificateData"], status.get("clientKeyData", "")
                show_certificate(self._context, certificate.encode(), key.encode())


async def _run(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> dict[str, Any]:
    """The status of the ExecCredential that a plugin prints (kubernetes.io: client-go credential plugins)."""
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {
            "server": cluster["server"],
            "certificate-authority-data": cluster.get("certificate-authority-data"),
        }
    request = {"apiVersion": plugin.get("apiVersion"), "kind": "ExecCredential", "spec": spec}
    given = {entry["name"]: entry["value"] for entry in plugin.get("env") or []}
    command = [str(plugin["command"]), *map(str, plugin.get("args") or [])]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**os.environ, **given, "KUBERNETES_EXEC_INFO": json.dumps(request)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
    except FileNotFoundError as error:
        raise ProviderError(f"getting credentials: exec: executable {command[0]} not found") from error
    if process.returncode:
        raise ProviderError(
            f"getting credentials: exec: executable {command[0]} failed with exit code {process.returncode}"
        )
    try:
        status = json.loads(output)["status"]
    except (ValueError, KeyError, TypeError) as error:
        raise ProviderError(
            f"getting credentials: exec: {command[0]} printed no ExecCredential with a status"
        ) from error
    return dict(status)


def _content(entry: Mapping[str, Any], key: str) -> bytes | None:
    """What `KEY-data` holds, else the content of the file that KEY names."""
    if entry.get(f"{key}-data"):
        return base64.b64decode(entry[f"{key}-data"])
    if not entry.get(key):
        return None
    try:
        return Path(entry[key]).read_bytes()
    except OSError as error:
        raise ProviderError(f"unable to read {key} {entry[key]}: {error.strerror}") from error
