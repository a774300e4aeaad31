"""Namespace: a network on which ports are published, and containers do not reach each other."""

import pulumi
import pulumi_docker as docker

from components.docker.answers import check, say
from components.docker.component import EngineComponent
from components.docker.table import ANSWERS
from components.image.reference import RepositoryName
from components.image.registry import RegistryCredentials
from components.kubernetes.component import Transform
from components.validation import Name, checked


class Namespace(EngineComponent):
    """The network of what the machine reaches: nothing gets out of it, and nothing on it reaches another.

    Its name is the prefix of all names on the engine. With `create=False` the network exists, and whoever
    made it decides what may pass.
    """

    name: pulumi.Output[str]
    """The name of the network, known once it exists."""
    pull_secret: pulumi.Output[str] | None
    """Always None: an engine keeps no secrets."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        repository: RepositoryName | None = None,
        credentials: RegistryCredentials | None = None,
        create: bool = True,
        transform: Transform | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Make the network `name`, or with `create=False` use it."""
        said = check(ANSWERS["Namespace"], Namespace, locals())
        super().__init__(name, name, transform, opts)
        say(said, self)
        self.name = self._add_network(name) if create else pulumi.Output.from_input(name)
        self.pull_secret = None
        self.register_outputs({"name": self.name})

    def _add_network(self, name: str) -> pulumi.Output[str]:
        options = {
            "com.docker.network.bridge.enable_icc": "false",
            "com.docker.network.bridge.enable_ip_masquerade": "false",
        }
        return self._add(docker.Network, name=name, options=options).name
