"""The gRPC service that the engine talks to."""

import asyncio
from collections.abc import AsyncIterator

from google.protobuf.empty_pb2 import Empty

from sandbox.plugins.kubernetes import check, diff, listing, reading, resources, settings, unreachable
from sandbox.plugins.kubernetes.answers import VERSION, Context, answers, fail
from sandbox.plugins.kubernetes.apply import Operation
from sandbox.plugins.kubernetes.cluster import Cluster, connect
from sandbox.plugins.kubernetes.engine import Engine
from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.kubernetes.package_schema import package_schema
from sandbox.plugins.kubernetes.refusals import Refusals, official
from sandbox.plugins.kubernetes.resources import Operations
from sandbox.plugins.kubernetes.state import Applied
from sandbox.plugins.kubernetes.urns import token_of
from sandbox.plugins.kubernetes.values import from_struct, to_struct, without_secrets
from sandbox.plugins.protocol import plugin_pb2, provider_pb2

_RELEASE = "kubernetes:helm.sh/v3:Release"


class Provider(Refusals):
    """Kubernetes, as a Pulumi provider."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cancelled = asyncio.Event()
        self._configured: Cluster | None = None

    async def close(self) -> None:
        """Close the connections to the cluster and the engine."""
        if self._configured:
            await self._configured.close()
        await self._engine.close()

    @property
    def _cluster(self) -> Cluster:
        if self._configured is None:
            raise ProviderError("provider is not configured")
        return self._configured

    async def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        """The version."""
        return plugin_pb2.PluginInfo(version=VERSION)

    async def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:
        """Another engine takes over a plugin that runs already."""
        self._engine = Engine(request.address)
        return Empty()

    async def Cancel(self, request: Empty, context: Context) -> Empty:
        """End all waits: the user has pressed Ctrl-C."""
        self._cancelled.set()
        return Empty()

    async def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: Context
    ) -> provider_pb2.GetSchemaResponse:
        """The types of all resources."""
        return provider_pb2.GetSchemaResponse(schema=package_schema(VERSION))

    @answers
    async def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: Context
    ) -> provider_pb2.CheckResponse:
        """Validate a Provider's arguments."""
        failures = settings.check(request.urn, without_secrets(from_struct(request.news)))
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[provider_pb2.CheckFailure(property=name, reason=why) for name, why in failures],
        )

    @answers
    async def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: Context
    ) -> provider_pb2.DiffResponse:
        """Compare a Provider's arguments."""
        olds, news = (without_secrets(from_struct(given)) for given in (request.olds, request.news))
        change = settings.diff(olds, news)
        if change is None:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME, diffs=change.diffs, replaces=change.replaces
        )

    @answers
    async def Configure(
        self, request: provider_pb2.ConfigureRequest, context: Context
    ) -> provider_pb2.ConfigureResponse:
        """Connect to the cluster."""
        self._configured = await connect(request.variables)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answers
    async def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        """Complete a resource's inputs."""
        log = self._engine.for_resource(request.urn)
        if await unreachable.keeps_inputs(self._cluster, log):
            return provider_pb2.CheckResponse(inputs=request.olds)
        if token_of(request.urn) == _RELEASE:
            raise official("a Helm Release")
        olds, news = from_struct(request.olds), from_struct(request.news)
        checked = await check.check(self._cluster, request.urn, olds, news, lambda: _name(request), log)
        return provider_pb2.CheckResponse(inputs=to_struct(checked))

    @answers
    async def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        """Compare a resource's state with new inputs."""
        found = await diff.diff(
            self._cluster,
            request.urn,
            from_struct(request.olds),
            from_struct(request.news),
            request.ignoreChanges,
            self._engine.for_resource(request.urn),
        )
        answer = provider_pb2.DiffResponse
        return answer(
            changes=answer.DIFF_SOME if found.any else answer.DIFF_NONE,
            replaces=found.replaces,
            deleteBeforeReplace=found.delete_before_replace,
            detailedDiff={
                path: provider_pb2.PropertyDiff(
                    kind=provider_pb2.PropertyDiff.Kind.Value(change.name), inputDiff=of_inputs
                )
                for path, (change, of_inputs) in diff.rendered(found.detailed).items()
            },
            hasDetailedDiff=True,
        )

    @answers
    async def Create(
        self, request: provider_pb2.CreateRequest, context: Context
    ) -> provider_pb2.CreateResponse:
        """Make an object."""
        operations = self._operations(request.urn, request.timeout, preview=request.preview)
        made = await resources.create(operations, request.urn, from_struct(request.properties))
        return provider_pb2.CreateResponse(id=made.id, properties=to_struct(made.state))

    @answers
    async def Update(
        self, request: provider_pb2.UpdateRequest, context: Context
    ) -> provider_pb2.UpdateResponse:
        """Change an object."""
        operations = self._operations(request.urn, request.timeout, preview=request.preview)
        olds, news = from_struct(request.olds), from_struct(request.news)
        made = await resources.update(operations, request.urn, olds, news, request.ignoreChanges)
        return provider_pb2.UpdateResponse(properties=to_struct(made.state))

    @answers
    async def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        """Look at an object, for a refresh, an import or a `get`."""
        if self._cluster.unreachable:
            log = self._engine.for_resource(request.urn)
            if await unreachable.forgets(self._cluster, log):
                return provider_pb2.ReadResponse()
            await unreachable.keeps_state(self._cluster, log)
            return provider_pb2.ReadResponse(
                id=request.id, properties=request.properties, inputs=request.inputs
            )
        operations = self._operations(request.urn, request.timeout)
        olds, given = from_struct(request.properties), from_struct(request.inputs)
        found = await reading.read(operations, request.urn, request.id, olds, given)
        if not found.id:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id, properties=to_struct(found.state), inputs=to_struct(found.inputs or {})
        )

    @answers
    async def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:
        """Delete an object."""
        if self._cluster.unreachable:
            if await unreachable.forgets(self._cluster, self._engine.for_resource(request.urn)):
                return Empty()
            raise unreachable.cannot_delete()
        operations = self._operations(request.urn, request.timeout)
        await resources.delete(operations, request.id, from_struct(request.properties))
        return Empty()

    async def List(
        self, request: provider_pb2.ListRequest, context: Context
    ) -> AsyncIterator[provider_pb2.ListResponse]:
        """List objects."""
        page = listing.Page(request.limit, request.page_size, request.continuation_token)
        try:
            query = from_struct(request.query)
            async for item in listing.search(self._cluster.client, request.token, query, page):
                if isinstance(item, str):
                    following = provider_pb2.ListResponse.Continuation(continuation_token=item)
                    yield provider_pb2.ListResponse(continuation=following)
                else:
                    result = provider_pb2.ListResponse.Result(id=item.id, name=item.name)
                    yield provider_pb2.ListResponse(result=result)
        except ProviderError as error:
            await fail(error, context)

    def _operations(self, urn: str, timeout: float, *, preview: bool = False) -> Operations:
        def operation(applied: Applied) -> Operation:
            return Operation(
                cluster=self._cluster,
                urn=urn,
                manager=applied.field_manager,
                log=self._engine.for_resource(urn),
                cancelled=self._cancelled,
                initial_api_version=applied.initial_api_version,
                custom_timeout=timeout,
                preview=preview,
            )

        return operation


def _name(request: provider_pb2.CheckRequest) -> str:
    proposed = None
    if request.HasField("autonaming"):
        disabled = request.autonaming.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE
        proposed = "" if disabled else request.autonaming.proposed_name
    return check.autoname(request.urn, request.randomSeed, proposed)
