"""Parts of a container that components share: limits, security, variables, names of networks."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from components.kubernetes.pod import TMP, PodSecurity, Resources
from components.validation import quantity

_MIB = 1024**2
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


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


def owned(security: PodSecurity | None, size: str) -> str:
    """Return the options of a directory in memory that belongs to the user and the group of a container."""
    group = security and (security.group or security.user)
    owner = f"gid={group},mode=2770" if group else "mode=0777"
    if security and security.user:
        owner = f"uid={security.user},gid={group},mode=0700"
    return f"{_size(size)},{owner}"


def _size(memory: str) -> str:
    """Return the option for a size, as Compose would write it: 64m."""
    size = int(quantity(memory))
    return f"size={size}" if size % _MIB else f"size={size // _MIB}m"


def contained(
    security: PodSecurity | None, tmpfs: Mapping[str, str] | None = None, tmp: str = TMP
) -> dict[str, Any]:
    """Return the arguments of a container's privileges and of its writable directories in memory."""
    memory = {"/tmp": _size(tmp), **(tmpfs or {})}  # noqa: S108 # in the container
    if not security:
        return {"tmpfs": memory}
    return {
        "tmpfs": memory,
        **_identity(security),
        "read_only": security.read_only_root,
        "security_opts": ["no-new-privileges:true"],
        "capabilities": {
            "drops": ["ALL"],
            **({"adds": list(security.capabilities)} if security.capabilities else {}),
        },
    }


def _identity(security: PodSecurity) -> dict[str, Any]:
    """Return the arguments of user and group; without a user, that of the image, in one more group."""
    if security.user:
        return {"user": f"{security.user}:{security.group or security.user}"}
    return {"group_adds": [str(security.group)]} if security.group else {}


def stopping(grace: int) -> dict[str, Any]:
    """Return the arguments for a stop: SIGTERM, and SIGKILL after the time."""
    return {"stop_timeout": grace, "destroy_grace_seconds": grace}


Network = tuple[pulumi.Input[str], *tuple[str, ...]]
"""The name of a network, and the names that the container has there."""


def joined(networks: Iterable[Network]) -> dict[str, Any]:
    """Return the arguments for the networks of a container."""
    advanced = [{"name": network, **({"aliases": names} if names else {})} for network, *names in networks]
    # Set outright, or the next refresh finds a difference; the provider leaves the bridge at once.
    return {"network_mode": "bridge", "networks_advanced": advanced} if advanced else {"network_mode": "none"}


def expanded(text: pulumi.Input[str], known: Mapping[str, pulumi.Input[str]]) -> pulumi.Input[str]:
    """Return a text with the values of known variables for `$(NAME)`, and `$` for `$$`, as in pods.

    What is in the brackets of an unknown name stays as it is, so `$(echo $$)` is left to a shell:
    https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go
    """
    if not isinstance(text, str):
        return pulumi.Output.concat(text).apply(lambda plain: expanded(plain, known))
    parts: list[pulumi.Input[str]] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        value = "$" if match[0] == "$$" else known.get(match[1], match[0])
        parts += [text[end : match.start()], value]
        end = match.end()
    return pulumi.Output.concat(*parts, text[end:]) if parts else text


def literal(text: str) -> str:
    """Return the text that `expanded` turns into the given one."""
    return text.replace("$", "$$")


def variables(given: Iterable[tuple[str, pulumi.Input[str]]]) -> dict[str, pulumi.Input[str]]:
    """Return variables by name; a value may refer to earlier variables.

    https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    values: dict[str, pulumi.Input[str]] = {}
    for name, value in given:
        values[name] = expanded(value, values)
    return values


def environment(variables: Mapping[str, pulumi.Input[str]]) -> list[pulumi.Input[str]]:
    """Return `NAME=value` for each variable; secret values stay secret."""
    return [pulumi.Output.concat(name, "=", value) for name, value in sorted(variables.items())]
