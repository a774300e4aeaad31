"""The cluster that the provider was configured for, which may be out of reach."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.plugins.kubernetes import settings
from sandbox.plugins.kubernetes.awaiting_context import Kind
from sandbox.plugins.kubernetes.client import ApiClient
from sandbox.plugins.kubernetes.deprecations import Version
from sandbox.plugins.kubernetes.discovery import Discovery
from sandbox.plugins.kubernetes.errors import ProviderError, StatusError
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.kubernetes.transport import Transport

_UNUSABLE = (
    "unable to load Kubernetes client configuration from kubeconfig file. Make sure you have: \n\n"
    " \t • set up the provider as per "
    "https://www.pulumi.com/registry/packages/kubernetes/installation-configuration/ \n\n "
)


@dataclass
class Cluster:
    """A connected client, or the reason why there is none.

    A cluster out of reach is no error in itself: a preview still works, and so do programs whose cluster is
    yet to be made.
    """

    settings: Settings
    namespace: str
    """Of objects that name none; empty if it is not known."""
    unreachable: str = ""
    """Why the cluster is out of reach; empty if it is not."""
    version: Version | None = None
    connected: ApiClient | None = None
    discovery: Discovery = field(default_factory=Discovery)
    """What is known of kinds: without a cluster what is built in and what the program defines."""

    @property
    def client(self) -> ApiClient:
        """The client. Raises ProviderError when the cluster is out of reach."""
        if self.connected is None:
            raise ProviderError(f"configured Kubernetes cluster is unreachable: {self.unreachable}")
        return self.connected

    def require(self) -> None:
        """Raise ProviderError when the cluster is out of reach."""
        _ = self.client

    def serves(self, kind: Kind) -> bool:
        """Whether the cluster can be reached and has the kind."""
        return self.connected is not None and self.discovery.serves(kind)

    async def close(self) -> None:
        """Close the connections."""
        if self.connected:
            await self.connected.close()


async def connect(variables: Mapping[str, str]) -> Cluster:
    """The cluster that the provider's variables name. Raises ProviderError for settings that are invalid."""
    given = Settings.of(variables)
    try:
        kubeconfig = settings.find_kubeconfig(variables)
    except ProviderError as error:
        return Cluster(given, given.namespace, str(error))
    try:
        access = kubeconfig.resolve(**settings.choice(variables))
        client = ApiClient(Transport(access, given.timeout))
    except ProviderError as error:
        return Cluster(given, given.namespace, f"{_UNUSABLE}{error}")
    try:
        version, _ = await asyncio.gather(client.version(), client.discovery.refresh())
    except ProviderError as error:
        await client.close()
        return Cluster(given, access.namespace, _silent(error))
    return Cluster(given, access.namespace, "", version, client, client.discovery)


def _silent(error: ProviderError) -> str:
    unauthorized = isinstance(error, StatusError) and error.code == 401
    reason = "the server has asked for the client to provide credentials" if unauthorized else error
    return f"unable to load schema information from the API server: {reason}"
