"""Base class of the components on a Docker engine that run a process: once, or all the time."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_docker as docker

from components.docker.component import EngineComponent
from components.docker.container import contained, environment, expanded, joined, limits, owned
from components.docker.table import NAME_LABEL
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.process.files import MODE
from components.kubernetes.process.process import Process
from components.kubernetes.process.volumes import EmptyDirectory

Networks = Sequence[tuple[pulumi.Input[str], str | None]]


class ProcessComponent(EngineComponent):
    """A component whose containers run one process."""

    def _prepare(self, process: Process, own: Networks = ()) -> dict[str, Any]:
        """Make what the containers need, and return their arguments; `own` are networks of the component."""
        return {
            "image": self._pull(process.image, process.platform),
            **_arguments(process),
            **joined([*own, *self._networks(process.endpoints)]),
            "depends_on": process.predecessors,
        }

    def _add_lasting(self, number: int, **arguments: Any) -> None:
        """Make containers whose process runs all the time."""
        for replica in range(1, number + 1):
            self._add_container(f"-{replica}", restart="always", **arguments)

    def _networks(self, endpoints: Sequence[Endpoint]) -> Networks:
        """Return the networks of the endpoints; one that lets everything out if an endpoint is an address."""
        components = {endpoint.pods[NAME_LABEL] for endpoint in endpoints if endpoint.pods}
        networks: list[tuple[pulumi.Input[str], str | None]] = [
            (self._network_of(component), None) for component in sorted(components)
        ]
        if any(endpoint.cidr for endpoint in endpoints):
            outside = self._add(
                docker.Network,
                suffix="-outside",
                name=pulumi.Output.concat(self._network_of(self.pulumi_resource_name), "-outside"),
            )
            networks.append((outside.name, None))
        return networks


def _arguments(process: Process) -> dict[str, Any]:
    """Return the arguments of what runs, and of the files, directories and limits that it has."""
    empty = [volume for volume in process.volumes if isinstance(volume, EmptyDirectory)]
    arguments: dict[str, Any] = {
        "envs": environment(expanded((variable.name, _value(variable)) for variable in process.env)),
        **contained(
            process.security,
            {volume.path: owned(process.security, volume.size) for volume in empty},
            process.tmp,
        ),
        **limits(process.resources),
    }
    if process.command:
        arguments["entrypoints"] = list(process.command)
    if process.args:
        arguments["command"] = list(process.args)
    if process.files:
        arguments["uploads"] = [
            {"file": file.path, "content": file.own_content, "permissions": f"{MODE:04o}"}
            for file in process.files
        ]
    return arguments


def _value(variable: EnvVar) -> pulumi.Input[str]:
    entry: Mapping[str, Any] = variable.as_dict
    value: pulumi.Input[str] = entry["value"]
    return value
