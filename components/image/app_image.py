"""AppImage: from a directory of source to an image in a registry, named by what is in it."""

import time
from pathlib import Path
from typing import Any

import pulumi
import pulumi_docker_build as docker_build

from components.image import builder as _builder
from components.image.context import BadContext, BuildContext
from components.image.registry import CannotTell, Login, Repository
from components.image.types import Identifier, Platforms, Reference, RepositoryName
from components.validation import BadArgument, InputText, Name, checked, options

__all__ = ["AppImage", "RegistryCache", "RegistryCredentials", "RepositoryName"]


@options
class RegistryCredentials:
    """What to log in to the registry with; without it, what `docker login` has stored is used.

    The password is kept as a secret. Given as an Output it cannot be used to ask the registry beforehand
    whether the image is there; for that, `docker login` counts then too.
    """

    username: str
    password: InputText


@options
class RegistryCache:
    """Build steps kept in a registry, for builders that have not run them: those of colleagues, or of CI."""

    ref: Reference
    """Repository and tag: "ghcr.io/you/web:buildcache"."""

    export: bool = True
    """Whether builds add to it, or only read."""


class AppImage(pulumi.ComponentResource):
    """An image, built from a directory and pushed under a tag that is a hash of everything in it.

    As long as the content is the same nothing is built or pushed, on any machine. If the registry lost it, it
    is built again. It stays in the registry when the resource goes: other stacks may run it.

    Args:
        context: directory whose files are built from, less what its `.dockerignore` names.
        repository: where to push to, without a tag: "ghcr.io/you/web".
        dockerfile: relative to `context`; default "Dockerfile".
        target: stage to build; default the last.
        build_args: part of the image's identity. `SOURCE_DATE_EPOCH` is 0 unless given: BuildKit dates the
            image 1970, so that the same source can give the same digest.
        secrets: by identifier, for `RUN --mount=type=secret,id=…`; not part of the image or its identity.
        platforms: default `["linux/amd64"]`, whatever machine builds.
        credentials: for the repository's registry.
        cache: build steps shared over a registry; default none but the builder's own.
        builder: a buildx builder; default the current one.
        preview_digest: build in previews too, without pushing, and print the reference that `up` will push.
    """

    tag: str
    """The hash of files, Dockerfile, target, build arguments and platforms; known before the build."""

    ref: pulumi.Output[str]
    """`repository:tag@sha256:…`, for pods. Unknown in a preview if a build is due."""

    digest: pulumi.Output[str]
    """`sha256:…`, as the registry knows it."""

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
        """Build and push the image if its content is new; raise BadArgument, before that, if it cannot be."""
        super().__init__("slipway:components:AppImage", name, None, opts)
        build_args = {"SOURCE_DATE_EPOCH": "0"} | (build_args or {})
        platforms = platforms or ["linux/amd64"]
        source = _source(name, context, dockerfile, target)
        self.tag = source.tag(target=target, build_args=build_args, platforms=platforms)
        self._repository, self._builder = Repository(repository), builder
        self._preview_digest = preview_digest
        image = docker_build.Image(
            name,
            **_files(source.copy(self.tag)),
            target=target,
            build_args=build_args,
            **_secrets(secrets or {}),
            platforms=[docker_build.Platform(p) for p in platforms],
            tags=[f"{repository}:{self.tag}"],
            **_pushed(preview_digest),
            registries=_registries(credentials, self._repository),
            **_cached(cache),
            builder={"name": builder} if builder else None,
            opts=self._options(credentials),
        )
        self.digest = image.digest
        self.ref = pulumi.Output.concat(f"{repository}:{self.tag}@", self.digest)
        self.register_outputs({"ref": self.ref, "digest": self.digest})

    def _options(self, credentials: RegistryCredentials | None) -> pulumi.ResourceOptions:
        image = f"{self._name} {self._repository.name}:{self.tag}"
        when_built = pulumi.ResourceHookOptions(on_dry_run=self._preview_digest)
        check = pulumi.ResourceHook(f"{image} wanted", self._check, when_built)
        announce: list[pulumi.ResourceHook | pulumi.ResourceHookFunction] = []
        if self._preview_digest and pulumi.runtime.is_dry_run():
            announce = [pulumi.ResourceHook(f"{image} built", self._announce, when_built)]
        return pulumi.ResourceOptions(
            parent=self,
            ignore_changes=self._unchanged(credentials),
            retain_on_delete=True,
            hooks=pulumi.ResourceHookBinding(
                before_create=[check],
                before_update=[check],
                after_create=announce,
                after_update=announce,
                on_error=[pulumi.ErrorHook(f"{image} failed", self._explain)],
            ),
        )

    def _unchanged(self, credentials: RegistryCredentials | None) -> list[str]:
        """Return the inputs whose change shall not count: secrets, unless the registry has to get the image.

        The provider compares inputs alone and would not notice that an image is lost. One of the secrets,
        which no build reads, is new each time: if it counts, the provider builds. Ignored, it stays as it was
        at the last build, so that neither this run nor the next sees a difference. (A stack that comes to an
        image which is in the registry already is thus built with the secrets of its last build.)
        """
        password = credentials and credentials.password
        login = Login(credentials.username, password) if credentials and isinstance(password, str) else None
        try:
            return ["secrets"] if self._repository.has(self.tag, login) else []
        except CannotTell as reason:
            pulumi.log.warn(f"{reason}. Whether it still has the image is not known; taken for granted", self)
            return [f"secrets.{_MISSING_SINCE}"]

    def _check(self, _: pulumi.ResourceHookArgs) -> None:
        """Before a build, look at what it needs: the provider waits long and does not say what is missing."""
        try:
            _builder.check_reachable(self._builder)
            self._repository.check_reachable()
        except (_builder.BuilderUnavailable, CannotTell) as error:
            raise RuntimeError(f"{self._repository.name}:{self.tag} cannot be built: {error}") from None

    def _announce(self, _: pulumi.ResourceHookArgs) -> None:
        """Name what a preview has built: until it is pushed the provider keeps the digest to itself."""
        digest = _builder.digest(self.tag, self._builder) or "a digest that the builder did not record"
        pulumi.log.info(f"`up` will push {self._repository.name}:{self.tag}@{digest}", self)

    def _explain(self, _: pulumi.ErrorHookArgs) -> bool:
        """After a failed build, show what it said last: the provider passes on no more than the exit code."""
        log = _builder.end_of_log(self.tag, self._builder)
        if log:
            pulumi.log.error(f"The end of the build log ({self._repository.name}:{self.tag}):\n{log}", self)
        return False  # do not try again


_MISSING_SINCE = "missing_since"


def _source(name: str, context: Path, dockerfile: Path, target: str | None) -> BuildContext:
    try:
        source = BuildContext(context, dockerfile)
        source.check_target(target)
    except BadContext as error:
        raise BadArgument(f"AppImage {name!r} cannot be made:\n  {error}") from None
    return source


def _files(copy: Path) -> dict[str, Any]:
    return {
        "context": {"location": str(copy / "context")},
        "dockerfile": {"location": str(copy / "Dockerfile")},
    }


def _secrets(secrets: dict[str, pulumi.Input[str]]) -> dict[str, Any]:
    """Secrets may change, as passwords do, without a new build."""
    return {
        "secrets": {**secrets, _MISSING_SINCE: str(time.time())},
        "ignore_secrets_in_diff_calculation": sorted(secrets),
    }


def _pushed(preview_digest: bool) -> dict[str, Any]:
    """Not by `push`: with an exporter of its own a preview can build without pushing, and tell the digest."""
    return {"push": False, "exports": [{"raw": "type=registry"}], "build_on_preview": preview_digest}


def _cached(cache: RegistryCache | None) -> dict[str, Any]:
    if not cache:
        return {}
    source = {"registry": {"ref": cache.ref}}
    if not cache.export:
        return {"cache_from": [source]}
    # The steps of every stage, not only the last one's; as an image manifest, which all registries take.
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
