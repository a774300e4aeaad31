"""AppImage: builds a directory of source into an image in a registry, named by its content."""

import re
import time
from pathlib import Path
from typing import Annotated, Any

import pulumi
import pulumi_docker_build as docker_build
from pydantic import AfterValidator, Field

from components.image import builder as buildx
from components.image.context import BadContext, BuildContext
from components.image.reference import RepositoryName, TaggedReference
from components.validation import InputText, Name, Platform, checked, invalid, options
from slipway.images.login import Login
from slipway.images.registry import RegistryUnavailable, Repository

REGISTRY_TIMEOUT_S = 3.0
"""For each of at most three requests: a preview must not hang on a registry that is down."""


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", value):
        raise ValueError("must be letters, digits, `_`, `.` or `-`: ca, pip, PYTHON_IMAGE")
    return value


def _distinct(values: list[str]) -> list[str]:
    if not values or len(set(values)) < len(values):
        raise ValueError("must name at least one, and each once")
    return values


Platforms = Annotated[list[Platform], AfterValidator(_distinct)]
Identifier = Annotated[str, AfterValidator(_identifier)]


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


class AppImage(pulumi.ComponentResource):
    """An image that is built from a directory and pushed under a tag that is a hash of its content.

    As long as the content is the same, nothing is built or pushed, on any machine and by any stack: the
    digest is the one that the registry has for the tag. If the registry lost the image, it is built again.
    If this machine cannot ask the registry, the digest is the one of the stack's last update.
    The image stays in the registry when the resource is deleted: other stacks may run it.

    Args:
        context: the directory to build from, without the files that its `.dockerignore` names.
        repository: the repository to push to, without a tag: "ghcr.io/you/web".
        dockerfile: relative to `context`; default "Dockerfile".
        target: the stage to build; default the last.
        build_args: part of the image's identity. `SOURCE_DATE_EPOCH` is 0 unless given: BuildKit dates the
            image 1970, so that the same source can give the same digest.
        secrets: by identifier, for `RUN --mount=type=secret,id=…`; not part of the image or its identity.
        platforms: default `["linux/amd64"]` on every machine.
        credentials: the login for the repository's registry.
        cache: a build cache in a registry; default none except the builder's own.
        builder: a buildx builder; default the current one.
        preview_digest: build in previews too, without pushing, and print the reference that `up` will push.
    """

    tag: str
    """The hash of files, Dockerfile, target, build arguments and platforms; known before the build."""

    ref: pulumi.Output[str]
    """`repository:tag@sha256:…`, for pods. Unknown in a preview if the image must be built."""

    digest: pulumi.Output[str]
    """`sha256:…`, the digest in the registry."""

    @checked
    def __init__(
        self,
        name: Name,
        *,
        context: Path,
        repository: RepositoryName,
        dockerfile: Path = Path("Dockerfile"),
        target: str | None = None,
        build_args: dict[Identifier, str] | None = None,
        secrets: dict[Identifier, InputText] | None = None,
        platforms: Platforms | None = None,
        credentials: RegistryCredentials | None = None,
        cache: RegistryCache | None = None,
        builder: str | None = None,
        preview_digest: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Build and push the image if its content is new; raise BadArgument first if arguments do not fit."""
        build_args = {"SOURCE_DATE_EPOCH": "0"} | (build_args or {})
        platforms = platforms or ["linux/amd64"]
        source = _source(name, context, dockerfile)
        self.tag = source.tag(target=target, build_args=build_args, platforms=platforms)
        self._repository = Repository(repository, _login(credentials), REGISTRY_TIMEOUT_S)
        self._builder, self._preview_digest = builder, preview_digest
        published, unavailable = self._published()
        if not published:
            _check_target(name, source, target, builder)
        super().__init__("slipway:components:AppImage", name, None, opts)
        if unavailable:
            pulumi.log.warn(f"{unavailable}. Assuming that the registry still has the image", self)
        reference = f"{repository}:{self.tag}"
        copy = source.copy(self.tag)
        build = {
            **_files(copy),
            "target": target,
            "build_args": build_args,
            **_secrets(secrets or {}),
            "platforms": [docker_build.Platform(platform) for platform in platforms],
            "tags": [reference],
            **_pushed(preview_digest),
            "registries": _registries(credentials, self._repository),
            **_cached(cache),
        }
        image = docker_build.Image(
            f"{name}-{self.tag}",
            **(_taken(copy, reference, published, platforms) if published else build),
            builder={"name": builder} if builder else None,
            opts=self._options(keep=bool(published or unavailable)),
        )
        self.digest = pulumi.Output.from_input(published) if published else _digest(image)
        self.ref = pulumi.Output.concat(f"{reference}@", self.digest)
        self.register_outputs({"ref": self.ref, "digest": self.digest})

    def _options(self, keep: bool) -> pulumi.ResourceOptions:
        """Return the options of the image; with `keep`, an image in the state stays as it is.

        The provider compares inputs alone, and does not notice that the registry has lost an image. One of
        the secrets, which no build reads, is new in each run: unless `keep` ignores it, the provider builds.
        """
        image = f"{self._name} {self._repository.name}:{self.tag}"
        when_built = pulumi.ResourceHookOptions(on_dry_run=self._preview_digest)
        check = pulumi.ResourceHook(f"{image} wanted", self._check, when_built)
        announce: list[pulumi.ResourceHook | pulumi.ResourceHookFunction] = []
        if self._preview_digest and pulumi.runtime.is_dry_run():
            announce = [pulumi.ResourceHook(f"{image} built", self._announce, when_built)]
        return pulumi.ResourceOptions(
            parent=self,
            ignore_changes=["*"] if keep else [],
            retain_on_delete=True,
            hooks=pulumi.ResourceHookBinding(
                before_create=[check],
                before_update=[check],
                after_create=announce,
                after_update=announce,
                on_error=[pulumi.ErrorHook(f"{image} failed", self._explain)],
            ),
        )

    def _published(self) -> tuple[str | None, RegistryUnavailable | None]:
        """Return the digest that the registry has for the tag, or why the registry does not answer."""
        try:
            return self._repository.digest(self.tag), None
        except RegistryUnavailable as reason:
            return None, reason

    def _check(self, _: pulumi.ResourceHookArgs) -> None:
        """Check builder and registry before a build: the provider waits long, without saying for what."""
        image = f"{self._repository.name}:{self.tag}"
        try:
            buildx.check_reachable(self._builder)
        except buildx.BuilderUnavailable as error:
            raise RuntimeError(f"{image} cannot be built: {error}") from None
        try:
            self._repository.check_reachable()
        except RegistryUnavailable as error:  # the builder may use plain HTTP, or trust another authority
            pulumi.log.warn(
                f"{error}. If the builder does not reach it either, {image} cannot be pushed", self
            )

    def _announce(self, _: pulumi.ResourceHookArgs) -> None:
        """Print the reference of an image built in a preview: the provider has no digest before the push."""
        digest = buildx.digest(self.tag, self._builder) or "a digest that the builder did not record"
        pulumi.log.info(f"`up` will push {self._repository.name}:{self.tag}@{digest}", self)

    def _explain(self, _: pulumi.ErrorHookArgs) -> bool:
        """Print the end of a failed build's log: the provider reports only the exit code."""
        log = buildx.end_of_log(self.tag, self._builder)
        if log:
            pulumi.log.error(f"The end of the build log ({self._repository.name}:{self.tag}):\n{log}", self)
        return False  # do not try again


_MISSING_SINCE = "missing_since"


def _login(credentials: RegistryCredentials | None) -> Login | None:
    if credentials and isinstance(credentials.password, str):
        return Login(credentials.username, credentials.password)
    return None  # the program cannot wait for an Output


def _source(name: str, context: Path, dockerfile: Path) -> BuildContext:
    try:
        return BuildContext(context, dockerfile)
    except BadContext as error:
        raise invalid(AppImage, name, [str(error)]) from None


def _check_target(name: str, source: BuildContext, target: str | None, builder: str | None) -> None:
    """Refuse a target that is not a stage, by name or number, if the builder can list the stages."""
    path = source.root / source.dockerfile
    stages = buildx.stages(path.read_bytes(), builder) if target else None
    if target is None or stages is None or target.lower() in stages:
        return
    if not (target.isdecimal() and int(target) < len(stages)):
        named = ", ".join(filter(None, stages)) or "unnamed"
        raise invalid(AppImage, name, [f"target is {target!r}, but the stages of {path} are {named}"])


def _files(copy: Path) -> dict[str, Any]:
    return {
        "context": {"location": str(copy / "context")},
        "dockerfile": {"location": str(copy / "Dockerfile")},
    }


def _taken(copy: Path, reference: str, digest: str, platforms: list[str]) -> dict[str, Any]:
    """Return the arguments of an image that the registry has: it builds nothing, and pushes nothing.

    They matter only where the state has no image of this tag, because another stack has pushed it. The
    Dockerfile keeps the digest in the state, for `_digest`.
    """
    return {
        "context": {"location": str(copy / "context")},
        "dockerfile": {"inline": f"# {reference}@{digest}\nFROM scratch\n"},
        "platforms": [docker_build.Platform(platform) for platform in platforms],
        "tags": [reference],
        "exports": [{"cacheonly": {}}],
        "push": False,
        "build_on_preview": False,
    }


def _digest(image: docker_build.Image) -> pulumi.Output[str]:
    """Return the digest of a build, or the one that an earlier update took from the registry."""

    def choose(values: list[Any]) -> str:
        digest, dockerfile = values
        taken = (dockerfile or {}).get("inline") or ""
        return digest or taken.partition("@")[2].partition("\n")[0]

    return pulumi.Output.all(image.digest, image.dockerfile).apply(choose)


def _secrets(secrets: dict[str, pulumi.Input[str]]) -> dict[str, Any]:
    """Return the secrets as arguments whose changes cause no build."""
    return {
        "secrets": {**secrets, _MISSING_SINCE: str(time.time())},
        "ignore_secrets_in_diff_calculation": sorted(secrets),
    }


def _pushed(preview_digest: bool) -> dict[str, Any]:
    """Return the arguments for pushing: by exporter, so that a preview can build without pushing."""
    return {"push": False, "exports": [{"raw": "type=registry"}], "build_on_preview": preview_digest}


def _cached(cache: RegistryCache | None) -> dict[str, Any]:
    if not cache:
        return {}
    source = {"registry": {"ref": cache.ref}}
    if not cache.export:
        return {"cache_from": [source]}
    # The steps of every stage, not only the last, as an image manifest, which all registries accept.
    mode = docker_build.CacheMode.MAX
    export = {"registry": {"ref": cache.ref, "mode": mode, "image_manifest": True, "oci_media_types": True}}
    return {"cache_from": [source], "cache_to": [export]}


def _registries(
    credentials: RegistryCredentials | None, repository: Repository
) -> list[docker_build.RegistryArgsDict] | None:
    if not credentials:
        return None
    password = pulumi.Output.secret(credentials.password)
    return [{"address": repository.host, "username": credentials.username, "password": password}]
