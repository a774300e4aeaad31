"""Create, Update and Delete: from the engine's properties to Kubernetes and back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.plugins.kubernetes import awaiting, kinds, state
from sandbox.plugins.kubernetes.apply import AlreadyExistsError, Operation, PreviewError
from sandbox.plugins.kubernetes.awaiting_context import Kind, Object
from sandbox.plugins.kubernetes.errors import AwaitError, NoMatchError, ProviderError, StatusError
from sandbox.plugins.kubernetes.normalize import normalize
from sandbox.plugins.kubernetes.objects import name_of, namespace_of, object_id, split_id
from sandbox.plugins.kubernetes.state import Applied
from sandbox.plugins.kubernetes.urns import kind_of
from sandbox.plugins.kubernetes.values import Properties, has_unknown

_NO_SUCH_VERSION = (
    "reported that the apiVersion for this resource does not exist. "
    "Verify that any required CRDs have been created"
)

Operations = Callable[[Applied], Operation]
"""Makes the operation, once it is known in whose name the fields are applied."""


@dataclass(frozen=True)
class Result:
    """A resource as it is to be stored; without an id it does not exist."""

    id: str
    state: Properties
    inputs: Properties | None = None


class PartialError(ProviderError):
    """A resource that exists but is not as it should be: it is stored, and the next update tries again."""

    def __init__(self, message: str, result: Result, cause: Exception) -> None:
        super().__init__(message)
        self.result = result
        self.reasons = [message, *(cause.reasons if isinstance(cause, AwaitError) else ())]


async def create(operations: Operations, urn: str, given: Properties) -> Result:
    """Make the resource and wait until it is ready. In a preview its id is empty."""
    inputs = state.to_object(given)
    applied = Applied.of({}, inputs)
    operation = operations(applied)
    preview = operation.preview
    if not preview:
        operation.cluster.require()
    unpredictable = has_unknown(inputs) or operation.is_patch(inputs)
    if preview and (unpredictable or not operation.cluster.serves(Kind.of(inputs))):
        return Result("", given)
    try:
        live = await operation.create(inputs)
    except ProviderError as error:
        if preview and _says_nothing(error):
            return Result("", given)
        raise _not_created(urn, error) from error
    if preview:
        live.pop("status", None)
        return Result("", state.build(inputs, live, given, applied))
    failure: AwaitError | None = None
    try:
        live = await awaiting.await_ready(operation.context(inputs, live))
    except AwaitError as error:
        failure, live = error, error.live or live
    result = Result(object_id(live), state.build(inputs, live, given, applied))
    if failure:
        raise PartialError(
            f'resource "{urn}" was successfully created, but the Kubernetes API server '
            f"reported that it failed to fully initialize or become live: {failure}",
            result,
            failure,
        ) from failure
    if kinds.is_crd(inputs):
        await operation.cluster.discovery.refresh()
    return result


def _not_created(urn: str, error: ProviderError) -> ProviderError:
    if isinstance(error, NoMatchError):
        kind = kind_of(urn)
        return ProviderError(
            f'creation of resource "{urn}" with kind {kind.api_version}/{kind.kind} failed because the '
            f"Kubernetes API server {_NO_SUCH_VERSION}: {error}"
        )
    return ProviderError(
        f'resource "{urn}" was not successfully created by the Kubernetes API server: {error}'
    )


def _says_nothing(error: ProviderError) -> bool:
    """Whether a dry run that failed does not mean that the create will fail."""
    if isinstance(error, StatusError):
        forbidden = error.reason == "Forbidden"
        return forbidden or (error.code == 400 and "does not support dry run" in str(error))
    return isinstance(error, PreviewError | AlreadyExistsError)


async def update(
    operations: Operations, urn: str, old: Properties, given: Properties, ignored: Sequence[str]
) -> Result:
    """Bring the resource to new inputs and wait until it is ready."""
    inputs = normalize(state.to_object(given))
    old_inputs, old_live = state.parse(old)
    applied = Applied.of(old, inputs)
    before = Applied.of(old, normalize(old_inputs))
    operation = operations(applied)
    if not operation.preview:
        operation.cluster.require()
    elif has_unknown(inputs) or not operation.cluster.serves(Kind.of(inputs)):
        return Result("", given)
    failure: ProviderError | None = None
    try:
        previous, live = await operation.update(inputs, old_live, ignored)
        if not operation.preview:
            live = await awaiting.await_ready(operation.context(inputs, live, previous))
            await operation.log.clear()
    except NoMatchError as error:
        raise ProviderError(
            f'update of resource "{urn}" failed because the Kubernetes API server {_NO_SUCH_VERSION}: {error}'
        ) from error
    except ProviderError as error:
        if operation.preview and isinstance(error, StatusError) and error.reason == "Forbidden":
            return Result("", given)
        failure, live = error, await _present(operation, urn, old_live, error)
    result = Result(object_id(live), state.build(inputs, live, given, applied))
    if failure:
        raise PartialError(
            f'the Kubernetes API server reported that "{result.id}" failed to fully initialize '
            f"or become live: {failure}",
            result,
            failure,
        ) from failure
    if before.field_manager != applied.field_manager and not operation.preview:
        await operation.relinquish(live, before.field_manager)
    return result


async def _present(operation: Operation, urn: str, live: Object, cause: ProviderError) -> Object:
    """The object as it is after a failed update."""
    try:
        return await operation.client.get(Kind.of(live), name_of(live), namespace_of(live))
    except ProviderError as error:
        raise ProviderError(
            f'update of resource "{urn}" failed: {cause}\nunable to get cluster state: {error}'
        ) from cause


async def delete(operations: Operations, identifier: str, old: Properties) -> None:
    """Delete the resource and wait until it is gone."""
    inputs, live = state.parse(old)
    applied = Applied.of(old, inputs)
    operation = operations(applied)
    try:
        await operation.delete(inputs, live, split_id(identifier)[1])
    except NoMatchError:
        return  # Its definition is gone, and with it all of its kind.
    except StatusError as error:
        if operation.is_patch(live) and error.reason == "Invalid" and "Required value" in str(error):
            raise ProviderError(_sole_manager(error)) from error
        raise
    except AwaitError as error:
        last = dict(error.live or live)
        result = Result(object_id(last), state.build(live, last, old, applied))
        raise PartialError(str(error), result, error) from error


def _sole_manager(error: StatusError) -> str:
    causes = error.details.get("causes") or ()
    fields = [cause.get("field", "") for cause in causes if cause.get("reason") == "FieldValueRequired"]
    if not fields:
        return str(error)
    return (
        "this Patch resource is currently managing a required field, so it can't be deleted directly. Either "
        "set the `retainOnDelete` resource option, or transfer ownership of the field before deleting: "
        f"{fields[0]}"
    )
