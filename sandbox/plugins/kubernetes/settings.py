"""The provider's own configuration: that of the stack, an explicit Provider's arguments, the environment."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.plugins.kubernetes import kubeconfig
from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.kubernetes.kubeconfig import Kubeconfig
from sandbox.plugins.kubernetes.values import Properties, Unknown, equal

_PREFIX = "kubernetes:config:"
_ACTIVE_CLUSTER = ("kubeconfig", "context", "cluster")
"""The settings that say which cluster it is."""

Failure = tuple[str, str]
"""A property, empty for none, and what is wrong with it."""


@dataclass(frozen=True)
class Settings:
    """What steers the provider, but for where the cluster is."""

    namespace: str
    delete_unreachable: bool
    skip_update_unreachable: bool
    patch_force: bool
    upsert_existing: bool
    mutable_config_maps: bool
    mutable_secrets: bool
    suppress_deprecation_warnings: bool
    suppress_helm_hook_warnings: bool
    timeout: float | None
    """Seconds that a request may take; None for as long as it takes."""

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> "Settings":
        """The settings; a variable goes before its environment variable. Raises ProviderError.

        What only the official plugin does is refused.
        """
        if not _flag(variables, "enableServerSideApply", default="true"):
            raise ProviderError(
                "enableServerSideApply: false needs the official plugin: "
                "`pulumi plugin install resource kubernetes`"
            )
        if variables.get(_PREFIX + "renderYamlToDirectory"):
            raise ProviderError(
                "renderYamlToDirectory needs the official plugin: `pulumi plugin install resource kubernetes`"
            )
        return cls(
            namespace=variables.get(_PREFIX + "namespace", ""),
            delete_unreachable=_flag(variables, "deleteUnreachable"),
            skip_update_unreachable=_flag(variables, "skipUpdateUnreachable"),
            patch_force=_flag(variables, "enablePatchForce"),
            upsert_existing=_flag(variables, "upsertExistingObjects"),
            mutable_config_maps=_flag(variables, "enableConfigMapMutable"),
            mutable_secrets=_flag(variables, "enableSecretMutable"),
            suppress_deprecation_warnings=_flag(variables, "suppressDeprecationWarnings"),
            suppress_helm_hook_warnings=_flag(variables, "suppressHelmHookWarnings"),
            timeout=_timeout(variables),
        )


_ENVIRONMENT = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
    "suppressHelmHookWarnings": "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS",
}


def _flag(variables: Mapping[str, str], name: str, default: str = "false") -> bool:
    return variables.get(_PREFIX + name, os.environ.get(_ENVIRONMENT[name], default)) == "true"


def _timeout(variables: Mapping[str, str]) -> float | None:
    """The timeout of `kubeClientSettings`. Its burst and qps are not looked at: they only slow down."""
    try:
        given = json.loads(variables.get(_PREFIX + "kubeClientSettings") or "{}").get("timeout")
        if given is not None:
            return float(given)
    except (ValueError, TypeError, AttributeError) as error:
        raise ProviderError(f"failed to unmarshal kubeClientSettings option: {error}") from error
    variable = os.environ.get("PULUMI_K8S_CLIENT_TIMEOUT")
    if not variable:
        return None
    try:
        return int(variable)
    except ValueError as error:
        raise ProviderError(f"invalid value specified for PULUMI_K8S_CLIENT_TIMEOUT: {error}") from error


def find_kubeconfig(variables: Mapping[str, str]) -> Kubeconfig:
    """The kubeconfig of the variables, content or path, else the ambient one. Raises ProviderError."""
    given = variables.get(_PREFIX + "kubeconfig")
    if not given:
        return kubeconfig.ambient()
    try:
        return kubeconfig.parse(given)
    except ProviderError as error:
        raise ProviderError(
            f"failed to parse kubeconfig data in `kubernetes:config:kubeconfig`- {error}"
        ) from error


def choice(variables: Mapping[str, str]) -> dict[str, str]:
    """The context, cluster and namespace that the variables choose, as `Kubeconfig.resolve` takes them."""
    return {name: variables.get(_PREFIX + name, "") for name in ("context", "cluster", "namespace")}


def check(urn: str, news: Properties) -> list[Failure]:
    """What is wrong with the arguments of a Provider."""
    if not _strict(news):
        return []
    failures = []
    name = urn.rpartition("::")[2]
    if name.startswith("default_") or name == "default":
        failures.append(("", "strict mode prohibits default provider"))
    for argument in ("kubeconfig", "context"):
        if not news.get(argument):
            failures.append((argument, f'strict mode requires Provider "{argument}" argument'))
    return failures


def _strict(news: Properties) -> bool:
    """Whether `strictMode` is on, by argument or by the stack's configuration."""
    try:
        configured = json.loads(os.environ.get("PULUMI_CONFIG") or "{}").get("strictMode")
    except ValueError:
        configured = None
    given = news.get("strictMode")
    return (given if isinstance(given, str) else configured) == "true"


@dataclass(frozen=True)
class ConfigChange:
    """What changed in the arguments of a Provider, and which of the changes mean another cluster."""

    diffs: list[str]
    replaces: list[str]


def diff(olds: Properties, news: Properties) -> ConfigChange | None:
    """The change of a Provider's arguments, None if there is none.

    A replaced Provider replaces all that it made, so only another active cluster is a reason for it. A
    `clusterIdentifier` overrides that: it replaces when it changes, and nothing does while it stays.
    """
    changed = sorted(key for key in olds.keys() | news.keys() if not equal(olds.get(key), news.get(key)))
    if not changed:
        return None
    replaces = []
    if "clusterIdentifier" in changed and olds.get("clusterIdentifier") and news.get("clusterIdentifier"):
        replaces.append("clusterIdentifier")
    pinned = bool(news.get("clusterIdentifier")) and "clusterIdentifier" not in changed
    for key in _ACTIVE_CLUSTER:
        if isinstance(news.get(key), Unknown):
            return ConfigChange([key], [] if pinned else [*replaces, key])
    if "renderYamlToDirectory" in changed:
        replaces.append("renderYamlToDirectory")
    before, after = _active_cluster(olds), _active_cluster(news)
    if before is not None and after is not None and before != after:
        replaces += [key for key in _ACTIVE_CLUSTER if key in changed]
    return ConfigChange(changed, [] if pinned else replaces)


def _active_cluster(properties: Properties) -> Mapping[str, Any] | None:
    """The cluster that a Provider's arguments lead to; None if they do not say."""
    given = properties.get("kubeconfig")
    try:
        found = kubeconfig.parse(json.dumps(given) if isinstance(given, dict) else given or "")
    except ProviderError as error:
        raise ProviderError(f"failed to parse kubeconfig: {error}") from error
    return found.active_cluster(
        context=properties.get("context") or "", cluster=properties.get("cluster") or ""
    )
