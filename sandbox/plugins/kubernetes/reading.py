"""Read: the state of a resource from the cluster, for refreshes, imports and `get`."""

import copy

from sandbox.plugins.kubernetes import awaiting, kinds, state
from sandbox.plugins.kubernetes.awaiting_context import Kind, Object
from sandbox.plugins.kubernetes.errors import AwaitError, NoMatchError, ProviderError, StatusError
from sandbox.plugins.kubernetes.normalize import normalize
from sandbox.plugins.kubernetes.objects import drop, name_of, namespace_of, object_id, put, split_id
from sandbox.plugins.kubernetes.prune import prune
from sandbox.plugins.kubernetes.resources import Operations, PartialError, Result
from sandbox.plugins.kubernetes.secrets import mark
from sandbox.plugins.kubernetes.state import Applied
from sandbox.plugins.kubernetes.urns import kind_of
from sandbox.plugins.kubernetes.values import Properties

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def read(
    operations: Operations, urn: str, identifier: str, old: Properties, given: Properties
) -> Result:
    """The resource as it is in the cluster. Without former inputs or state it is an import."""
    namespace, name = split_id(identifier)
    if not name:
        raise ProviderError(
            "failed to read resource because of a failure to parse resource name "
            f"from request ID: {identifier}"
        )
    inputs = normalize(state.to_object(given))
    _, old_live = state.parse(old)
    imported = _identify(inputs, old_live, kind_of(urn), namespace, name)
    applied = Applied.of(old, inputs)
    operation = operations(applied)
    failure: AwaitError | None = None
    try:
        live = await operation.client.get(Kind.of(inputs), name, namespace_of(inputs))
        if not imported:
            await awaiting.check_ready(operation.context(inputs, live))
            await operation.log.clear()
    except NoMatchError:
        return Result("", {})
    except StatusError as error:
        if error.not_found:
            return Result("", {})
        raise
    except AwaitError as error:
        failure, live = error, error.live or live
    live_inputs = prune(live, inputs)
    if imported:
        _import(live_inputs, live)
    built = state.build(live_inputs, live, given, applied)
    mark(live_inputs, given)
    result = Result(identifier or object_id(live), built, live_inputs)
    if failure:
        raise PartialError(str(failure), result, failure) from failure
    return result


def _identify(inputs: Object, live: Object, kind: Kind, namespace: str, name: str) -> bool:
    """Complete inputs that do not say what they are; whether nothing but the id is known."""
    if inputs.get("apiVersion") or inputs.get("kind"):
        return False
    known = Kind.of(live)
    imported = not (known.version or known.kind)
    chosen = kind if imported else known
    inputs.update(apiVersion=chosen.api_version, kind=chosen.kind)
    if not name_of(inputs):
        put(inputs, name, "metadata", "name")
    if namespace and not namespace_of(inputs):
        put(inputs, namespace, "metadata", "namespace")
    return imported


def _import(inputs: Object, live: Object) -> None:
    """Take all that a user may have written of a built-in kind; of CustomResources only their identity."""
    if live["apiVersion"] in kinds.KNOWN_GROUP_VERSIONS:
        inputs.update(copy.deepcopy({key: value for key, value in live.items() if key != "status"}))
    for key in ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"):
        drop(inputs, "metadata", key)
    for key in ("deployment.kubernetes.io/revision", _LAST_APPLIED):
        drop(inputs, "metadata", "annotations", key)
