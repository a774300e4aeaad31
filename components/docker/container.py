"""Parts of a container that components share: limits, security, names of networks."""

from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from components.kubernetes.pod import PodSecurity, Resources
from components.validation import quantity

_MIB = 1024**2
TMP = {"/tmp": "size=64m"}  # noqa: S108 # in the container


def limits(resources: Resources | None) -> dict[str, Any]:
    """Return the arguments of a container's limits; memory_swap equals memory: no swap."""
    if not resources:
        return {}
    requests, most = resources.requests.as_dict, resources.limits.as_dict
    memory = int(quantity(most["memory"]) / _MIB)
    return {
        "cpus": _cores(most["cpu"]),
        "cpu_shares": max(2, int(quantity(requests["cpu"]) * 1024)),  # as the kubelet
        "memory": memory,
        "memory_swap": memory,
        "memory_reservation": int(quantity(requests["memory"]) / _MIB),
    }


def _cores(cpu: str) -> str:
    """Return cores as the provider reads them back: 0.25, 0.5, 1.0, 2.0."""
    return str(float(quantity(cpu)))


def contained(security: PodSecurity | None, tmpfs: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the arguments of a container's privileges and of its writable directories in memory."""
    memory = {**TMP, **(tmpfs or {})}
    if not security:
        return {"tmpfs": memory}
    return {
        "tmpfs": memory,
        "user": f"{security.user}:{security.user}",
        "read_only": security.read_only_root,
        "security_opts": ["no-new-privileges:true"],
        "capabilities": {
            "drops": ["ALL"],
            **({"adds": list(security.capabilities)} if security.capabilities else {}),
        },
    }


def stopping(grace: int) -> dict[str, Any]:
    """Return the arguments for a stop: SIGTERM, and SIGKILL after the time."""
    return {"stop_timeout": grace, "destroy_grace_seconds": grace}


def joined(networks: Iterable[tuple[pulumi.Input[str], str | None]]) -> dict[str, Any]:
    """Return the arguments for the networks of a container, each with its name there."""
    return {
        # Set outright, or the next refresh finds a difference; the provider leaves this network at once.
        "network_mode": "bridge",
        "networks_advanced": [
            {"name": network, **({"aliases": [alias]} if alias else {})} for network, alias in networks
        ],
    }


def environment(variables: Mapping[str, pulumi.Input[str]]) -> list[pulumi.Input[str]]:
    """Return `NAME=value` for each variable; secret values stay secret."""
    return [pulumi.Output.concat(name, "=", value) for name, value in sorted(variables.items())]
