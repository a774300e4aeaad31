"""Base class of the components on a Docker engine that run a process: once, or all the time."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_docker as docker

from components.docker.component import EngineComponent, docker_command, end_of_log
from components.docker.container import (
    Network,
    contained,
    environment,
    expanded,
    joined,
    limits,
    owned,
    variables,
)
from components.kubernetes.component import NAME_LABEL
from components.kubernetes.endpoint import Endpoint
from components.kubernetes.env import EnvVar
from components.kubernetes.process.files import MODE
from components.kubernetes.process.process import Process
from components.kubernetes.process.volumes import EmptyDirectory

Networks = Sequence[Network]


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

    def _add_ending(
        self, suffix: str, timeout: int, **arguments: Any
    ) -> tuple[docker.Container, pulumi.Resource]:
        """Make a container whose process has to end in time, and what exists if it has ended well.

        The provider takes every exit code for a success. What depends on the component awaits both.
        """
        container = self._add_container(
            suffix,
            attach=True,  # the provider waits until it ends
            must_run=False,
            custom_timeouts=pulumi.CustomTimeouts(create=f"{timeout}s"),
            **arguments,
        )
        success = pulumi.Stash(
            f"{self.pulumi_resource_name}{suffix}-succeeded",
            input=pulumi.Output.all(container.name, container.exit_code).apply(_succeeded),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return container, success

    def _explain(self, failed: pulumi.ErrorHookArgs) -> bool:
        """Stop a process that should have ended, and print the end of the log."""
        arguments = failed.new_inputs or {}
        if arguments.get("mustRun") is False and (container := arguments.get("name")):
            try:
                docker_command("container", "stop", str(container))
            except (OSError, subprocess.SubprocessError):
                pulumi.log.warn(f"{container} may still run: `docker stop {container}`", self)
        return super()._explain(failed)

    def _networks(self, endpoints: Sequence[Endpoint]) -> Networks:
        """Return the networks of the endpoints; one that lets everything out if an endpoint is an address."""
        components = {endpoint.pods[NAME_LABEL] for endpoint in endpoints if endpoint.pods}
        networks: list[Network] = [(self._network_of(component),) for component in sorted(components)]
        if any(endpoint.cidr for endpoint in endpoints):
            outside = self._add(
                docker.Network,
                suffix="-outside",
                name=pulumi.Output.concat(self._network_of(self.pulumi_resource_name), "-outside"),
            )
            networks.append((outside.name,))
        return networks


def _succeeded(ended: Sequence[str | int]) -> str:
    """Return the name of a container that ended with 0.

    Raises:
        pulumi.RunError: it ended otherwise; with the end of its log, and what to do.
    """
    container, code = ended
    if code == 0:
        return str(container)
    raise pulumi.RunError(
        f"Job {container} failed with exit code {code}. What waits for it was left as it was.\n"
        f"  The end of its log:\n{end_of_log(str(container))}\n"
        f"  Its whole log: docker logs {container}\n"
        "  Correct the cause. Another image, command or variable makes another Job: pulumi up\n"
        f"  To run this one again, delete it first: docker rm {container} && pulumi up --refresh"
    )


def _arguments(process: Process) -> dict[str, Any]:
    """Return the arguments of what runs, and of the files, directories and limits that it has."""
    empty = [volume for volume in process.volumes if isinstance(volume, EmptyDirectory)]
    known = variables_of(process)
    arguments: dict[str, Any] = {
        "envs": environment(known),
        **contained(
            process.security,
            {volume.path: owned(process.security, volume.size) for volume in empty},
            process.tmp,
        ),
        **limits(process.resources),
    }
    if process.command:
        arguments["entrypoints"] = [expanded(word, known) for word in process.command]
    if process.args:
        arguments["command"] = [expanded(word, known) for word in process.args]
    if process.files:
        arguments["uploads"] = [
            {"file": file.path, "content": file.own_content, "permissions": f"{MODE:04o}"}
            for file in process.files
        ]
    return arguments


def variables_of(process: Process) -> dict[str, pulumi.Input[str]]:
    """Return the variables of a process by name."""
    return variables((variable.name, _value(variable)) for variable in process.env)


def _value(variable: EnvVar) -> pulumi.Input[str]:
    entry: Mapping[str, Any] = variable.as_dict
    value: pulumi.Input[str] = entry["value"]
    return value
