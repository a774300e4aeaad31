"""Reading URNs: `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`."""

from sandbox.plugins.kubernetes.awaiting_context import Kind
from sandbox.plugins.kubernetes.errors import ProviderError


def token_of(urn: str) -> str:
    """The type token, as `kubernetes:apps/v1:Deployment`."""
    return urn.split("::", 3)[2].rpartition("$")[2]


def name_in(urn: str) -> str:
    """The resource's name."""
    return urn.split("::", 3)[3]


def kind_of(urn: str) -> Kind:
    """The kind that the type token names; for a Patch resource with that word at its end."""
    return kind_of_token(token_of(urn))


def kind_of_token(token: str) -> Kind:
    """The kind that a type token names. Raises ProviderError if it names none."""
    package, _, rest = token.partition(":")
    module, _, kind = rest.partition(":")
    group, slash, version = module.partition("/")
    if package != "kubernetes" or not kind:
        raise ProviderError(f'unrecognized resource type: "{token}" for this provider')
    if not slash or "/" in version:
        raise ProviderError(f'apiVersion does not have both a group and a version: "{module}"')
    return Kind("" if group == "core" else group, version, kind)
