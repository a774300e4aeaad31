"""Conditions under which an answer of the table applies to the arguments of a component."""

from collections.abc import Callable, Mapping
from typing import Any

from components.docker.answers import Arguments
from components.kubernetes.autoscaling import Autoscaling
from components.kubernetes.component import NAME_LABEL
from components.kubernetes.process.volumes import EmptyDirectory
from components.validation import quantity


def scales(arguments: Arguments) -> bool:
    """Return whether the number of replicas is to follow the load."""
    return isinstance(arguments["replicas"], Autoscaling)


def several(argument: str) -> Callable[[Arguments], bool]:
    """Return whether the argument is true and there are several replicas."""
    return lambda arguments: bool(arguments[argument]) and (scales(arguments) or arguments["replicas"] > 1)


def from_objects(arguments: Arguments) -> bool:
    """Return whether a variable is from an object of a cluster."""
    return any("value" not in variable.as_dict for variable in arguments["env"])


def by_other_labels(arguments: Arguments) -> bool:
    """Return whether a destination is named by labels that are not a component's selector."""
    return any(endpoint.pods and set(endpoint.pods) != {NAME_LABEL} for endpoint in arguments["reaches"])


def by_address(arguments: Arguments) -> bool:
    """Return whether a destination is an address range."""
    return any(endpoint.cidr for endpoint in arguments["reaches"])


def files_of_objects(arguments: Arguments) -> bool:
    """Return whether a file is from an object of a cluster."""
    return any(file.own_content is None for file in arguments["files"])


def files_of_read_only(arguments: Arguments) -> bool:
    """Return whether there are files, and the root is read-only."""
    security = arguments["security"]
    return bool(arguments["files"] and security and security.read_only_root)


def claims(arguments: Arguments) -> bool:
    """Return whether a volume is a claim."""
    return any(not isinstance(volume, EmptyDirectory) for volume in arguments["volumes"])


def too_much_memory(arguments: Arguments) -> bool:
    """Return whether the directories in memory leave none to the process."""
    empty = [volume.size for volume in arguments["volumes"] if isinstance(volume, EmptyDirectory)]
    resources = arguments["resources"]
    limit = resources and resources.limits.memory
    return bool(limit and sum(map(quantity, (arguments["tmp"], *empty))) >= quantity(limit))


def backed_up(arguments: Arguments) -> bool:
    """Return whether a database has backups."""
    return arguments["backups"] is not None


def page_of_read_only(arguments: Arguments) -> bool:
    """Return whether there is a page, and the root is read-only."""
    security = arguments["security"]
    return bool(arguments["page"] is not None and security and security.read_only_root)


def ready(test: Callable[[Mapping[str, Any]], bool]) -> Callable[[Arguments], bool]:
    """Return whether there is a ready probe whose action passes a test."""

    def applies(arguments: Arguments) -> bool:
        probes = arguments["probes"]
        return bool(probes and test(probes.ready.action(arguments["expose"].target_port)))

    return applies
