"""The options of AppImage about registries, and the arguments that follow from them."""

from typing import Any

import pulumi
import pulumi_docker_build as docker_build
from pydantic import Field

from components.image.reference import TaggedReference
from components.validation import InputText, options
from slipway.images.registry import Repository
from slipway.images.registry_login import Login

TIMEOUT_S = 3.0
"""For each of at most three requests: a preview must not hang on a registry that is down."""


@options
class RegistryCredentials:
    """The login for a registry. Without credentials, the login that `docker login` stored is used.

    The password is kept as a secret. If it is an Output, the program cannot ask the registry with it
    beforehand whether the image exists, and uses the login that `docker login` stored for that.
    """

    username: str
    password: InputText = Field(repr=False)


@options
class RegistryCache:
    """A build cache in a registry, shared by the builders of colleagues and of CI."""

    ref: TaggedReference
    """Repository and tag: "ghcr.io/you/web:buildcache"."""

    export: bool = True
    """Builds add to the cache; if false, they only read it."""


def client(repository: str, credentials: RegistryCredentials | None) -> Repository:
    """Return the client with which the program asks for a tag."""
    if credentials and isinstance(credentials.password, str):
        return Repository(repository, Login(credentials.username, credentials.password), TIMEOUT_S)
    return Repository(repository, timeout_s=TIMEOUT_S)  # the program cannot wait for an Output


def pushing(credentials: RegistryCredentials | None, repository: Repository) -> dict[str, Any]:
    """Return the arguments with which the builder pushes."""
    if not credentials:
        return {}
    password = pulumi.Output.secret(credentials.password)
    return {
        "registries": [{"address": repository.host, "username": credentials.username, "password": password}]
    }


def reading(cache: RegistryCache | None) -> dict[str, Any]:
    """Return the arguments with which a build reads the cache."""
    return {"cache_from": [{"registry": {"ref": cache.ref}}]} if cache else {}


def writing(cache: RegistryCache | None) -> dict[str, Any]:
    """Return the arguments with which a build adds to the cache.

    It adds the steps of every stage, not only the last, as an image manifest, which all registries accept.
    """
    if not (cache and cache.export):
        return {}
    mode = docker_build.CacheMode.MAX
    export = {"ref": cache.ref, "mode": mode, "image_manifest": True, "oci_media_types": True}
    return {"cache_to": [{"registry": export}]}
