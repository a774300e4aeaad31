"""AppImage: from a directory of source to an image in a registry, named by what is in it."""

import re
import time
from pathlib import Path
from typing import Annotated

import pulumi
import pulumi_docker_build as docker_build
from pydantic import AfterValidator

from components import _builder
from components._context import BadContext, BuildContext
from components._registry import CannotTell, Login, Repository
from components._validate import BadArgument, InputText, Name, checked, options

# https://github.com/distribution/reference: host[:port]/path, lower case, without tag or digest
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"(?:[A-Za-z0-9][-A-Za-z0-9.]*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*"


def _repository(value: str) -> str:
    if not re.fullmatch(_REPOSITORY, value):
        raise ValueError(
            "must be a repository without tag or digest: localhost:5001/web, ghcr.io/you/web, you/web"
        )
    return value


def _reference(value: str) -> str:
    if not re.fullmatch(rf"{_REPOSITORY}:[\w][\w.-]{{0,127}}", value, re.ASCII):
        raise ValueError("must be a repository and a tag: ghcr.io/you/web:buildcache")
    return value


def _platform(value: str) -> str:
    if not re.fullmatch(r"linux/(386|amd64|arm/v[567]|arm64|mips64|mips64le|ppc64le|riscv64|s390x)", value):
        raise ValueError(
            "must be a platform that BuildKit builds for: linux/amd64, linux/arm64, linux/arm/v7"
        )
    return value


def _identifier(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", value):
        raise ValueError("must be letters, digits, `_`, `.` or `-`: ca, pip, PYTHON_IMAGE")
    return value


def _not_empty(values: list[str]) -> list[str]:
    if not values or len(set(values)) < len(values):
        raise ValueError("must name at least one, and each once")
    return values


RepositoryName = Annotated[str, AfterValidator(_repository)]
Reference = Annotated[str, AfterValidator(_reference)]
Platforms = Annotated[list[Annotated[str, AfterValidator(_platform)]], AfterValidator(_not_empty)]
Identifier = Annotated[str, AfterValidator(_identifier)]


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

    As long as the content is the same nothing is built or pushed, on any machine. If the registry has lost the
    image, it is built again. It stays in the registry when the resource goes: other stacks may run it.
    """

    tag: str
    """The hash of files, Dockerfile, target, build arguments and platforms; known before anything is built."""

    ref: pulumi.Output[str]
    """`repository:tag@sha256:…`, for pods to run. While a build is due, previews know it by `preview_digest` only."""

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
        """Build and push the image if its content is new.

        Args:
            name: of the resource.
            context: directory whose files are built from, less what its `.dockerignore` names.
            repository: where to push to, without a tag.
            dockerfile: relative to `context`.
            target: stage to build; default the last.
            build_args: part of the image's identity. `SOURCE_DATE_EPOCH` is 0 unless given: BuildKit dates the
                image 1970, so that the same source can give the same digest.
            secrets: by identifier, for `RUN --mount=type=secret,id=…`; not part of the image or its identity.
            platforms: default `["linux/amd64"]`, whatever machine builds.
            credentials: for the repository's registry.
            cache: build steps shared over a registry; default none but the builder's own.
            builder: a buildx builder; default the current one.
            preview_digest: build in previews too, without pushing, to show the digest that `up` will push.
            opts: as for every Pulumi resource.

        Raises:
            BadArgument: an argument cannot work; nothing has been touched.
        """
        super().__init__("slipway:components:AppImage", name, None, opts)
        build_args = {"SOURCE_DATE_EPOCH": "0"} | (build_args or {})
        platforms = platforms or ["linux/amd64"]
        source = _source(name, context, dockerfile)
        self.tag = source.tag(target=target, build_args=build_args, platforms=platforms)
        self._repository = Repository(repository)
        self._builder = builder
        copy = source.copy(self.tag)
        image = docker_build.Image(
            name,
            context={"location": str(copy / "context")},
            dockerfile={"location": str(copy / "Dockerfile")},
            target=target,
            build_args=build_args,
            secrets={**(secrets or {}), _MISSING_SINCE: str(time.time())},
            ignore_secrets_in_diff_calculation=sorted(secrets or {}),
            platforms=[docker_build.Platform(p) for p in platforms],
            tags=[f"{repository}:{self.tag}"],
            # Not `push`: with an exporter of its own a preview can build without pushing and find the digest.
            push=False,
            exports=[{"raw": "type=registry"}],
            build_on_preview=preview_digest,
            registries=_registries(credentials, self._repository),
            cache_from=[{"registry": {"ref": cache.ref}}] if cache else None,
            cache_to=_cache_to(cache),
            builder={"name": builder} if builder else None,
            opts=self._options(credentials),
        )
        self.digest = image.digest
        self.ref = pulumi.Output.concat(f"{repository}:{self.tag}@", self.digest)
        self.register_outputs({"ref": self.ref, "digest": self.digest})

    def _options(self, credentials: RegistryCredentials | None) -> pulumi.ResourceOptions:
        """Let a new value of the secret _MISSING_SINCE, which no build reads, count if the image is missing.

        The provider compares inputs alone and would not notice the loss. Ignored, the secret keeps the value it
        had at the last build, so that neither this run nor the next sees a difference.
        """
        return pulumi.ResourceOptions(
            parent=self,
            ignore_changes=[] if self._is_missing(credentials) else [f"secrets.{_MISSING_SINCE}"],
            retain_on_delete=True,
            hooks=pulumi.ResourceHookBinding(
                before_create=[self._check],
                before_update=[self._check],
                on_error=[pulumi.ErrorHook(f"{self._repository.name}:{self.tag} failed", self._explain)],
            ),
        )

    def _is_missing(self, credentials: RegistryCredentials | None) -> bool:
        """Ask the registry; if it cannot tell, go by the stack's state and say so."""
        password = credentials and credentials.password
        login = Login(credentials.username, password) if credentials and isinstance(password, str) else None
        try:
            return not self._repository.has(self.tag, login)
        except CannotTell as reason:
            pulumi.log.warn(f"{reason}. Whether it still has the image is not known; taken for granted", self)
            return False

    def _check(self, _: pulumi.ResourceHookArgs) -> None:
        """Before a build, look at what it needs: the provider would wait long and not say what was missing."""
        try:
            _builder.check_reachable(self._builder)
            self._repository.check_reachable()
        except (_builder.BuilderUnavailable, CannotTell) as error:
            raise RuntimeError(f"{self._repository.name}:{self.tag} cannot be built: {error}") from None

    def _explain(self, _: pulumi.ErrorHookArgs) -> bool:
        """After a failed build, show what it said last: the provider passes on no more than the exit code."""
        log = _builder.end_of_log(self.tag, self._builder)
        if log:
            pulumi.log.error(f"The end of the build log ({self._repository.name}:{self.tag}):\n{log}", self)
        return False  # do not try again


_MISSING_SINCE = "missing_since"


def _source(name: str, context: Path, dockerfile: Path) -> BuildContext:
    try:
        return BuildContext(context, dockerfile)
    except BadContext as error:
        raise BadArgument(f"AppImage {name!r} cannot be made:\n  {error}") from None


def _registries(
    credentials: RegistryCredentials | None, repository: Repository
) -> list[docker_build.RegistryArgsDict] | None:
    if not credentials:
        return None
    password = pulumi.Output.secret(credentials.password)
    return [{"address": repository.host, "username": credentials.username, "password": password}]


def _cache_to(cache: RegistryCache | None) -> list[docker_build.CacheToArgsDict] | None:
    if not cache or not cache.export:
        return None
    # Every stage, not only what ends up in the image; as an image manifest, which all registries take.
    mode = docker_build.CacheMode.MAX
    return [{"registry": {"ref": cache.ref, "mode": mode, "image_manifest": True, "oci_media_types": True}}]
