"""Create, update, read and delete objects by server-side apply, and wait until that has shown effect."""

import asyncio
import secrets as randomness
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.plugins.kubernetes import awaiting, deprecations, field_ownership, kinds
from sandbox.plugins.kubernetes.awaiting_context import AwaitContext, Kind, Object
from sandbox.plugins.kubernetes.client import ApiClient
from sandbox.plugins.kubernetes.cluster import Cluster
from sandbox.plugins.kubernetes.engine import DedupLog
from sandbox.plugins.kubernetes.errors import NoMatchError, ProviderError, StatusError
from sandbox.plugins.kubernetes.objects import annotations, name_of, namespace_of
from sandbox.plugins.kubernetes.urns import token_of

_ATTEMPTS = 6
_FIRST_PAUSE = 1.0
"""Seconds before a create is tried again for want of a namespace or a kind; each pause doubles the last."""
_DEFAULT_TIMEOUT = 600.0

_CONFLICT_HELP = (
    "https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/"
    "managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-resources"
)
_EXISTS_HELP = """

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use `pulumi import`. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""


class PreviewError(ProviderError):
    """The API server cannot tell in advance: the namespace is not there yet."""


class ConflictError(ProviderError):
    """Another field manager owns what the inputs set."""


class AlreadyExistsError(ProviderError):
    """There is an object of that name already."""


class RemovedKindError(ProviderError):
    """The cluster's version of Kubernetes has dropped the kind."""


@dataclass(frozen=True)
class Operation:
    """One operation on one resource.

    `custom_timeout` is the option customTimeouts in seconds, 0 if it is not given; `cancelled` is set when
    the user wants everything to end.
    """

    cluster: Cluster
    urn: str
    manager: str
    log: DedupLog
    cancelled: asyncio.Event
    initial_api_version: str = ""
    custom_timeout: float = 0
    preview: bool = False

    @property
    def client(self) -> ApiClient:
        """The API server."""
        return self.cluster.client

    def is_patch(self, inputs: Object) -> bool:
        """Whether the resource adds to an object that something else owns."""
        return kinds.is_patch(token_of(self.urn), str(inputs.get("kind")))

    async def create(self, inputs: Object) -> Object:
        """Make the object, or the patch. The inputs change where a preview has to use another name."""
        made = await self._try_create(inputs)
        await self.log.clear()
        return made

    async def _try_create(self, inputs: Object) -> Object:
        """Create, and again while the namespace or the kind is missing: others may be about to make them."""
        pause = _FIRST_PAUSE
        for attempt in range(_ATTEMPTS):
            try:
                return await self._create_once(inputs)
            except (StatusError, NoMatchError) as error:
                self._give_up(error, inputs, last=attempt == _ATTEMPTS - 1)
                await self.log.status("info", f"Retry #{attempt}; creation failed: {error}")
            await self._pause(pause)
            pause *= 2
        raise AssertionError("the last attempt neither succeeds nor gives up")

    def _give_up(self, error: ProviderError, inputs: Object, *, last: bool) -> None:
        """Raise what a failed create comes to, unless it is worth another attempt."""
        kind = Kind.of(inputs)
        if isinstance(error, NoMatchError):
            version = self.cluster.version
            removal = deprecations.removal(kind, version) if version else None
            if removal:
                raise RemovedKindError(removal) from error
        elif isinstance(error, StatusError):
            if self.preview and error.not_found and error.details.get("kind") == "namespaces":
                raise PreviewError(f'namespace does not exist for "{name_of(inputs)}"') from error
            if error.already_exists:
                raise AlreadyExistsError(f"{error}{_EXISTS_HELP}") from error
            if not error.not_found:
                raise error
        if last:
            raise error

    async def _create_once(self, inputs: Object) -> Object:
        settings = self.cluster.settings
        if not (settings.upsert_existing or self.is_patch(inputs)):
            return await self.client.create(inputs, manager=field_ownership.CREATOR, dry_run=self.preview)
        try:
            return await self._apply(inputs, force=self._forced(inputs, None))
        except StatusError as error:
            if not (self.preview and error.reason == "Invalid" and "field is immutable" in str(error)):
                raise
        # A replacement: only under another name can the API server tell what it would make of it.
        inputs["metadata"]["name"] += randomness.token_hex(3)[:5]
        await self.log.log(
            "info",
            f'Preview creation failed due to immutable fields; retrying with name "{name_of(inputs)}"',
        )
        return await self._apply(inputs, force=True)

    async def update(self, inputs: Object, old_live: Object, ignored: Sequence[str]) -> tuple[Object, Object]:
        """Bring the object to the inputs; returns the object before and after.

        The inputs change: they get the live values of the `ignored` property paths.
        """
        kind = Kind.of(inputs)
        before = await self.client.get(kind, name_of(old_live), namespace_of(inputs))
        if kinds.is_crd(inputs):
            # A definition is put as a whole, so that its versions and schemas are never a mixture.
            inputs["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"]
            after = await self.client.replace(inputs, manager=self.manager, dry_run=self.preview)
            return before, after
        takeover = field_ownership.takeover(before, self.manager)
        if takeover and not self.preview and not self.is_patch(inputs):
            before = await self.client.json_patch(before, takeover)
        field_ownership.keep_ignored(inputs, before, ignored, self.manager)
        after = await self._apply(inputs, force=self._forced(inputs, before))
        return before, after

    async def _apply(self, inputs: Object, *, force: bool) -> Object:
        try:
            return await self.client.apply(inputs, manager=self.manager, force=force, dry_run=self.preview)
        except StatusError as error:
            if not error.conflict:
                raise
            raise ConflictError(
                f"server-side apply field conflict detected, see {_CONFLICT_HELP} for troubleshooting help\n"
                f'The resource managed by field manager "{self.manager}" had an apply conflict: {error}'
            ) from error

    def _forced(self, inputs: Object, live: Object | None) -> bool:
        """Whether to take fields from their owners."""
        if annotations(inputs).get("pulumi.com/patchForce") == "true" or self.cluster.settings.patch_force:
            return True
        if live is None:
            return self.preview
        if self.preview and field_ownership.created_here(live):
            return True  # The update itself takes them over beforehand.
        return not field_ownership.entries(live)

    async def relinquish(self, live: Object, manager: str) -> None:
        """Let a field manager give up all that it owns: apply an object without fields in its name."""
        bare = {
            "apiVersion": live["apiVersion"],
            "kind": live["kind"],
            "metadata": {
                key: live["metadata"][key] for key in ("name", "namespace") if live["metadata"].get(key)
            },
        }
        await self.client.apply(bare, manager=manager)

    async def delete(self, inputs: Object, live: Object, name: str) -> None:
        """Delete the object and wait until it is gone; one that is gone already is fine."""
        try:
            if self.is_patch(inputs):
                await self.relinquish(live, self.manager)
                return
            policy = awaiting.propagation(inputs)
            await self.client.delete(Kind.of(live), name, namespace_of(live), propagation=policy)
        except StatusError as error:
            if not error.not_found:
                raise
            return
        await awaiting.await_deleted(self.context(inputs, live))
        await self.log.clear()

    def context(self, inputs: Object, live: Object, previous: Object | None = None) -> AwaitContext:
        """What the await logic needs to know."""
        timeout = awaiting.timeout_seconds(self.custom_timeout, inputs)
        return AwaitContext(
            client=self.client,
            urn=self.urn,
            inputs=inputs,
            live=live,
            log=self.log,
            cancelled=self.cancelled,
            timeout=_DEFAULT_TIMEOUT if timeout is None else timeout,
            previous=previous,
            initial_api_version=self.initial_api_version,
        )

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.cancelled.wait(), seconds)
        except TimeoutError:
            return
        raise ProviderError("the operation was cancelled")
