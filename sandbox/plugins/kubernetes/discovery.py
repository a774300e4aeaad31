"""Which kinds the API server serves, and under which paths."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from sandbox.plugins.kubernetes import kinds
from sandbox.plugins.kubernetes.awaiting_context import Kind, Object
from sandbox.plugins.kubernetes.errors import NoMatchError, ProviderError, UnreachableError
from sandbox.plugins.kubernetes.objects import pluck, text

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
"""Aggregated discovery: all groups in two requests (stable since Kubernetes 1.30)."""


class Resource(NamedTuple):
    """What the API server says about a kind."""

    plural: str
    namespaced: bool


async def _nobody(path: str) -> Mapping[str, Any]:
    raise UnreachableError(f"no API server to ask for {path}")


class Discovery:
    """The kinds of a cluster, asked for once, and again when a CustomResourceDefinition was made.

    `fetch` gets a path. Nothing is known before the first refresh, or ever of an unreachable cluster.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Mapping[str, Any]]] = _nobody) -> None:
        self._fetch = fetch
        self._resources: dict[Kind, Resource] = {}
        self._planned: dict[tuple[str, str], bool] = {}

    async def refresh(self) -> None:
        """Ask the API server."""
        answers = await asyncio.gather(self._fetch("/api"), self._fetch("/apis"))
        if any(answer.get("kind") != "APIGroupDiscoveryList" for answer in answers):
            raise UnreachableError("the API server is older than Kubernetes 1.30: no aggregated discovery")
        self._resources = {
            Kind(
                text(group, "metadata", "name"), version["version"], resource["responseKind"]["kind"]
            ): Resource(resource["resource"], resource["scope"] == "Namespaced")
            for answer in answers
            for group in answer["items"]
            for version in group["versions"]
            for resource in version.get("resources", ())
            if resource.get("responseKind")
        }

    def plan(self, crd: Object) -> None:
        """Remember the scope of a kind that the program is about to define.

        Raises ProviderError for a definition without group or kind.
        """
        group, kind = text(crd, "spec", "group"), text(crd, "spec", "names", "kind")
        if not group:
            raise ProviderError("expected .spec.group")
        if not kind:
            raise ProviderError("expected .spec.names.kind")
        self._planned[group, kind] = pluck(crd, "spec", "scope") == "Namespaced"

    def serves(self, kind: Kind) -> bool:
        """Whether the API server serves a kind."""
        return kind in self._resources

    def is_namespaced(self, kind: Kind) -> bool:
        """Whether objects of a kind live in namespaces; taken to be so where nobody knows."""
        kind = kind._replace(group="" if kind.group == "core" else kind.group)
        built_in = kinds.namespaced(kind)
        if built_in is not None:
            return built_in
        if (kind.group, kind.kind) in self._planned:
            return self._planned[kind.group, kind.kind]
        known = self._resources.get(kind)
        return known.namespaced if known else True

    async def resource(self, kind: Kind) -> Resource:
        """A kind's resource; the API server is asked once more before NoMatchError is raised."""
        if kind not in self._resources:
            await self.refresh()
        if kind not in self._resources:
            raise NoMatchError(f'no matches for kind "{kind.kind}" in version "{kind.api_version}"')
        return self._resources[kind]
