"""What the official plugin does beyond resources, and this one does not."""

from sandbox.plugins.kubernetes.answers import VERSION, Context, answers
from sandbox.plugins.kubernetes.errors import ProviderError
from sandbox.plugins.protocol import provider_pb2, provider_pb2_grpc


def official(what: str) -> ProviderError:
    """The error for what this plugin does not do."""
    return ProviderError(
        f"{what} needs the official Kubernetes plugin: `pulumi plugin install resource kubernetes {VERSION}`"
    )


class Refusals(provider_pb2_grpc.ResourceProviderServicer):
    """The calls that are answered with an error, or with nothing."""

    @answers
    async def Invoke(
        self, request: provider_pb2.InvokeRequest, context: Context
    ) -> provider_pb2.InvokeResponse:
        """Refuse: the functions are those of Helm, YAML and Kustomize."""
        raise official(request.tok)

    @answers
    async def Construct(
        self, request: provider_pb2.ConstructRequest, context: Context
    ) -> provider_pb2.ConstructResponse:
        """Refuse: the components are those of Helm, YAML and Kustomize."""
        raise official(request.type)

    @answers
    async def Parameterize(
        self, request: provider_pb2.ParameterizeRequest, context: Context
    ) -> provider_pb2.ParameterizeResponse:
        """Refuse: it makes SDKs from CustomResourceDefinitions."""
        raise official("an SDK for CustomResourceDefinitions")

    async def GetMappings(
        self, request: provider_pb2.GetMappingsRequest, context: Context
    ) -> provider_pb2.GetMappingsResponse:
        """None: they convert Terraform programs."""
        return provider_pb2.GetMappingsResponse()

    async def GetMapping(
        self, request: provider_pb2.GetMappingRequest, context: Context
    ) -> provider_pb2.GetMappingResponse:
        """None: they convert Terraform programs."""
        return provider_pb2.GetMappingResponse()
