"""Check: the inputs as they will be stored and compared, with names and namespaces filled in."""

import hashlib
import os
import secrets as randomness
from collections.abc import Callable

from sandbox.plugins.kubernetes import deprecations, kinds, secrets
from sandbox.plugins.kubernetes.awaiting_context import Object, ResourceLog
from sandbox.plugins.kubernetes.cluster import Cluster
from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.kubernetes.normalize import normalize
from sandbox.plugins.kubernetes.objects import (
    annotate,
    annotations,
    is_named,
    label,
    name_of,
    namespace_of,
    pluck,
    put,
    set_namespace,
)
from sandbox.plugins.kubernetes.state import to_object
from sandbox.plugins.kubernetes.urns import kind_of, name_in, token_of
from sandbox.plugins.kubernetes.values import Properties, Unknown, is_map

AUTONAMED = "pulumi.com/autonamed"
_MANAGED_BY = "app.kubernetes.io/managed-by"


async def check(
    cluster: Cluster, urn: str, olds: Properties, news: Properties, name: Callable[[], str], log: ResourceLog
) -> Properties:
    """The inputs to store. `name` makes a name for an object that has none; raises ProviderError.

    Without `olds` the resource is new.
    """
    token = token_of(urn)
    if kinds.is_list(token):
        raise ProviderError(
            "list resources exist for compatibility with YAML manifests and Helm charts, "
            "and cannot be created directly. Use the underlying resource type instead"
        )
    old, new = to_object(olds), normalize(to_object(news))
    if kinds.is_patch(token, str(new.get("kind"))) and not name_of(new):
        raise ProviderError("patch resources require the `.metadata.name` field to be set")
    await _warn_of_annotations(cluster, new, log)
    if old:
        _adopt(new, old)
    elif not is_named(new) and not _has_generate_name(new):
        put(new, name(), "metadata", "name")
        annotate(new, AUTONAMED, "true")
    if not is_named(new) and _has_generate_name(new):
        raise ProviderError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
    await _finish(cluster, urn, new, log)
    secrets.mark(new, news)
    return new


async def _finish(cluster: Cluster, urn: str, new: Object, log: ResourceLog) -> None:
    kind = kind_of(urn)
    if cluster.version:
        removed = deprecations.removal(kind, cluster.version)
        deprecated = deprecations.deprecation(kind, cluster.version)
        if removed:
            await log.log("warning", removed)
        elif deprecated and not cluster.settings.suppress_deprecation_warnings:
            await log.log("warning", deprecated)
    if cluster.namespace and not namespace_of(new) and cluster.discovery.is_namespaced(kind):
        set_namespace(new, cluster.namespace)
    if kinds.is_crd(new):
        cluster.discovery.plan(new)


def autoname(urn: str, seed: bytes, proposed: str | None) -> str:
    """A name for a new object: the engine's proposal, else the resource's name and 8 hexadecimal digits.

    The digits follow from the engine's seed, so that preview and update agree. Raises ProviderError for an
    empty proposal: the project's configuration has switched autonaming off.
    """
    if proposed is None:
        digits = hashlib.sha256(seed).hexdigest()[:8] if seed else randomness.token_hex(4)
        return f"{name_in(urn)}-{digits}"
    if not proposed:
        raise ProviderError("autonaming is disabled, resource requires the .metadata.name field to be set")
    return proposed


def is_autonamed(obj: Object) -> bool:
    """Whether this plugin has made up the object's name."""
    return annotations(obj).get(AUTONAMED) == "true"


def _adopt(new: Object, old: Object) -> None:
    """Keep a made-up name, and the label that older versions of the plugin have set."""
    if not is_named(new) and is_autonamed(old):
        put(new, name_of(old), "metadata", "name")
        annotate(new, AUTONAMED, "true")
    manager = os.environ.get("PULUMI_KUBERNETES_MANAGED_BY_LABEL", "pulumi")
    labels = pluck(old, "metadata", "labels")
    labelled = labels.get(_MANAGED_BY) if is_map(labels) else labels
    if labelled == manager or isinstance(labelled, Unknown):
        label(new, _MANAGED_BY, manager)


def _has_generate_name(obj: Object) -> bool:
    return bool(pluck(obj, "metadata", "generateName"))


async def _warn_of_annotations(cluster: Cluster, obj: Object, log: ResourceLog) -> None:
    hooked = False
    for key, value in annotations(obj).items():
        if key.startswith(AUTONAMED):
            await log.log("warning", f'ignoring user-specified value for internal annotation "{key}"')
        hooked = hooked or (key.startswith("helm.sh/hook") and "test" in value)
    if hooked and not cluster.settings.suppress_helm_hook_warnings:
        await log.log(
            "warning",
            "This resource contains Helm hooks that are not currently supported by Pulumi. The resource will "
            "be created, but any hooks will not be executed. Hooks support is tracked at "
            "https://github.com/pulumi/pulumi-kubernetes/issues/555 -- This warning can be disabled by "
            "setting the PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS environment variable",
        )
