"""The repair of a stack on a Docker engine after an operation of the engine was killed.

A killed operation can leave a lock, plugins that still run, and containers that the state does not have. A
container of a web service gets requests as soon as it runs, whether or not the state has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway.cluster.objects import resources_in_state
from slipway.errors import CommandFailed
from slipway.process import run
from slipway.pulumi.project import ConfigValue, Stack
from slipway.recovery.orphans import end, orphans
from slipway.recovery.repair import Info, unlock_and_run

LABEL = "slipway/namespace"
"""The label of every container, with the namespace of its stack."""
TIMEOUT_S = 120


@dataclass(frozen=True)
class Remains:
    """What a killed operation left behind."""

    processes: tuple[int, ...]
    """The process ids of orphaned plugins."""
    containers: Mapping[str, str]
    """The containers that the state does not have: names by id."""
    unstarted: Mapping[str, str]
    """The containers in the state that never ran: names by id.

    If the engine is killed while it starts one, it may refuse to start it ever after (task already exists).
    """

    def describe(self) -> list[str]:
        """Return one sentence for each item, with its repair."""
        return [
            *(f"process {pid} is an orphaned plugin: it will be ended" for pid in self.processes),
            *(
                f"container {name} is not in the state: it will be removed"
                for name in self.containers.values()
            ),
            *(f"container {name} never ran: it will be created again" for name in self.unstarted.values()),
        ]


def find_remains(stack: Stack, config: Mapping[str, ConfigValue]) -> Remains:
    """Return what a killed operation left behind, without changing anything."""
    known = {resource.get("id") for resource in resources_in_state(stack.state())}
    setting = config.get(f"{stack.project.name}:namespace")
    namespace = (setting and setting.value) or f"{stack.project.name}-{stack.name.rpartition('/')[2]}"
    listed = _docker(config, "ps", "--all", "--no-trunc", f"--filter=label={LABEL}={namespace}", _FORMAT)
    containers = [line.split(" ", 2) for line in listed.splitlines()]
    unknown = {key: name for key, _, name in containers if key not in known}
    unstarted = {key: name for key, state, name in containers if key in known and state == "created"}
    return Remains(tuple(orphans(stack.project.directory)), unknown, unstarted)


def repair(stack: Stack, config: Mapping[str, ConfigValue], info: Info, force_unlock: bool = False) -> None:
    """Make the state agree with the engine.

    The containers are looked up again after the plugins have ended: these may still have created some.

    Raises:
        LockInUse: another operation has the lock, or may have it.
        SlipwayError: the Docker engine does not answer.
    """

    def update() -> None:
        # First, because it fails if another operation runs, and then no container may be removed.
        refresh = ("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
        stack.command(*refresh)
        remains = find_remains(stack, config)
        if useless := {**remains.containers, **remains.unstarted}:
            _docker(config, "rm", "--force", *useless)
        if remains.unstarted:
            stack.command(*refresh)  # so that the update creates them

    end(orphans(stack.project.directory))
    unlock_and_run(stack, update, info, force_unlock)


_FORMAT = "--format={{.ID}} {{.State}} {{.Names}}"


def _docker(config: Mapping[str, ConfigValue], *arguments: str) -> str:
    """Run `docker` on the engine of the stack, and return its output."""
    host = config.get("docker:host")
    environment: dict[str, Any] = {"DOCKER_HOST": host.value} if host and host.value else {}
    result = run("docker", *arguments, environment=environment, timeout_s=TIMEOUT_S)
    if result.code:
        raise CommandFailed(f"docker {arguments[0]} failed: {result.error}")
    return result.text
