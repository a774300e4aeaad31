"""The cluster that the engine reaches for a stack, by its configuration and its program's own providers."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from slipway.cluster.kubeconfig import Kubeconfig
from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import resources_in_state
from slipway.errors import BadKubeconfig, SlipwayError
from slipway.pulumi.project import ConfigValue, Stack


def runs_on_docker(project: str, config: Mapping[str, ConfigValue]) -> bool:
    """Return whether a stack of the project runs on a Docker engine instead of a cluster."""
    runtime = config.get(f"{project}:runtime")
    return runtime is not None and runtime.value == "docker"


def cluster_of(stack: Stack, config: Mapping[str, ConfigValue]) -> Cluster:
    """Return the cluster that a stack is deployed to.

    Raises:
        SlipwayError: the stack does not set its context, or its kubeconfig cannot be used.
    """
    context = config.get("kubernetes:context")
    if context is None or not context.value:
        if runs_on_docker(stack.project.name, config):
            image = f'"$(pulumi stack output --stack {stack.name} image)"'
            raise SlipwayError(
                f"stack {stack.name} runs on a Docker engine, and this command works with clusters only."
                " `slipway preview`, `drift` and `recover` work. To run its image elsewhere:"
                f" pulumi config set --stack STACK image {image}"
            )
        raise SlipwayError(
            f"stack {stack.name} does not set the context of its cluster:"
            f" pulumi config set --stack {stack.name} kubernetes:context CONTEXT"
        )

    kubeconfig, name = (_value(stack, config, key) for key in ("kubernetes:kubeconfig", "kubernetes:cluster"))
    return Cluster.from_values(context.value, kubeconfig, stack.project.working_directory, name)


def _value(stack: Stack, config: Mapping[str, ConfigValue], key: str) -> str | None:
    setting = config.get(key, ConfigValue(None, secret=False))
    return stack.secret(key) if setting.secret else setting.value


def check_providers(stack: Stack, config: Mapping[str, ConfigValue], state: Mapping[str, Any]) -> None:
    """Check that the program's own Kubernetes providers reach the same server as the stack's configuration.

    What a provider of the last update cannot say here, such as by a path on another machine, does not count.
    """
    if not any(_own_providers(state)):
        return
    values = (_value(stack, config, f"kubernetes:{key}") for key in ("kubeconfig", "context", "cluster"))
    expected = _server(stack, *values)
    for provider in _own_providers(stack.state(secrets=True)):
        inputs = provider.get("inputs") or {}
        found = _server(stack, *(_plain(inputs.get(key)) for key in ("kubeconfig", "context", "cluster")))
        if found and found != expected:
            name = provider["urn"].rpartition("::")[2]
            raise SlipwayError(
                f"the program's provider {name} reaches {found}, but kubernetes:context of stack {stack.name}"
                f" reaches {expected}: give the stack the kubeconfig and the context of the provider, with"
                f" `pulumi config set --stack {stack.name}`, kubernetes:kubeconfig and kubernetes:context"
            )


def _own_providers(state: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the providers that the program has, without the default one, which uses the configuration."""
    for resource in resources_in_state(state):
        own = not resource["urn"].rpartition("::")[2].startswith("default")
        if resource["type"] == "pulumi:providers:kubernetes" and own:
            yield resource


def _plain(value: Any) -> str | None:
    """Return an input of a provider; a secret has JSON as plain text."""
    plain = json.loads(value["plaintext"]) if isinstance(value, Mapping) and "plaintext" in value else value
    return plain if isinstance(plain, str) else None


def _server(stack: Stack, kubeconfig: str | None, context: str | None, cluster: str | None) -> str | None:
    try:
        chosen = Kubeconfig.choose(kubeconfig, directory=stack.project.working_directory)
        return chosen.server(context, cluster)
    except BadKubeconfig:
        return None
