"""Which API server to talk to, and as whom: kubeconfigs, as k8s.io/client-go/tools/clientcmd reads them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sandbox.plugins.kubernetes.errors import ProviderError

_LISTS = ("clusters", "contexts", "users")
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Kubeconfig:
    """The clusters, contexts and users by name."""

    clusters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    users: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    current_context: str = ""

    def resolve(self, *, context: str = "", cluster: str = "", namespace: str = "") -> "Access":
        """The access that a context gives; what is empty is taken from the kubeconfig.

        Raises ProviderError for a name that is not in it, or when it names no server.
        """
        chosen = context or self.current_context
        if not chosen and not self.clusters:
            raise ProviderError(
                "invalid configuration: no configuration has been provided, "
                "try setting KUBERNETES_MASTER environment variable"
            )
        if context and context not in self.contexts:
            raise ProviderError(f'context "{context}" does not exist')
        details = self.contexts.get(chosen, {})
        server = self.clusters.get(cluster or details.get("cluster", ""))
        if server is None or not server.get("server"):
            raise ProviderError(
                f'invalid configuration: context "{chosen}" names no cluster that has a server'
            )
        user = self.users.get(details.get("user", ""), {})
        return Access(server, user, namespace or details.get("namespace") or "default")

    def active_cluster(self, *, context: str = "", cluster: str = "") -> Mapping[str, Any] | None:
        """The cluster that a context, or the name of a cluster, leads to; None if there is none."""
        details = self.contexts.get(context or self.current_context)
        return self.clusters.get(cluster or details.get("cluster", "")) if details else None


@dataclass(frozen=True)
class Access:
    """A server, credentials, and the namespace of objects that name none."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any]
    namespace: str


def parse(path_or_contents: str) -> Kubeconfig:
    """The kubeconfig in a text, or in the file that it names (`~` is the home directory)."""
    if not path_or_contents:
        return Kubeconfig()
    try:
        return _parse(Path(path_or_contents).expanduser().read_text())
    except OSError:  # No such file, or too long for the name of one.
        return _parse(path_or_contents)


def ambient() -> Kubeconfig:
    """The files that KUBECONFIG lists, merged so that the first to name a thing wins, else ~/.kube/config."""
    listed = os.environ.get("KUBECONFIG", "")
    paths = [Path(name) for name in listed.split(os.pathsep) if name] or [Path.home() / ".kube" / "config"]
    merged: dict[str, Any] = {key: {} for key in _LISTS}
    current = ""
    for path in paths:
        if not path.exists():
            continue
        found = _parse(path.read_text(), relative_to=path.parent)
        for key in _LISTS:
            merged[key] = {**getattr(found, key), **merged[key]}
        current = current or found.current_context
    return Kubeconfig(**merged, current_context=current)


def _parse(contents: str, relative_to: Path | None = None) -> Kubeconfig:
    try:
        document = yaml.load(contents, _LOADER) or {}  # noqa: S506 - the C flavour of the safe loader
    except yaml.YAMLError as error:
        raise ProviderError(f"yaml: {error}") from error
    if not isinstance(document, dict):
        raise ProviderError("neither a kubeconfig nor the path of one")
    named = {
        key: {
            str(entry.get("name")): _rooted(entry.get(key.removesuffix("s")) or {}, relative_to)
            for entry in document.get(key) or []
        }
        for key in _LISTS
    }
    return Kubeconfig(**named, current_context=str(document.get("current-context") or ""))


def _rooted(entry: dict[str, Any], relative_to: Path | None) -> dict[str, Any]:
    """The entry, its relative file names taken from the kubeconfig's directory."""
    if relative_to is None:
        return entry
    return entry | {key: str(relative_to / entry[key]) for key in _FILES if entry.get(key)}
