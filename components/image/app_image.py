"""AppImage: builds a directory of source into an image in a registry, named by its content."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import pulumi
import pulumi_docker_build as docker_build
from pydantic import AfterValidator

from components.image import buildx, registry
from components.image.context import BadContext, BuildContext
from components.image.reference import RepositoryName
from components.image.registry import RegistryCache, RegistryCredentials
from components.validation import InputText, Name, Platform, checked, conflict, invalid, matching
from slipway.images.base_images import BASE
from slipway.images.references import split, split_tag
from slipway.images.registry import RegistryUnavailable
from slipway.masking import PASSWORD_IN_URL


def _distinct(values: list[str]) -> list[str]:
    if not values or len(set(values)) < len(values):
        raise ValueError("must name at least one, and each once")
    return values


def _without_login(value: str) -> str:
    if PASSWORD_IN_URL.search(value):
        raise conflict("is a URL with a password, which state and image would keep: pass it in `secrets`")
    return value


Platforms = Annotated[list[Platform], AfterValidator(_distinct)]
Identifier = Annotated[
    str,
    matching("[A-Za-z_][A-Za-z0-9_.-]*", "must be letters, digits, `_`, `.` or `-`: ca, pip, PYTHON_IMAGE"),
]
BuildArgument = Annotated[str, AfterValidator(_without_login)]


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
        build_args: dict[Identifier, BuildArgument] | None = None,
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
        with _reported_context(name):
            source = BuildContext(context, dockerfile)
            self.tag = source.tag(target=target, build_args=build_args, platforms=platforms)
            copy = source.copy(self.tag)
        self._repository = registry.client(repository, credentials)
        self._builder, self._preview_digest = builder, preview_digest
        published, unavailable = self._published()
        if not published:
            _check_target(name, source, target, builder)
        super().__init__("slipway:components:AppImage", name, None, opts)
        if unavailable:
            pulumi.log.warn(f"{unavailable}. Assuming that the registry still has the image", self)
        reference = f"{repository}:{self.tag}"
        if published:
            arguments = _published_arguments(reference, published)
        else:
            arguments = {
                **_build_arguments(copy, target, build_args, secrets or {}, preview_digest),
                **_label_arguments(source, target, build_args, builder),
                **registry.pushing(credentials, self._repository),
                **registry.writing(cache),
            }
        image = docker_build.Image(
            f"{name}-{self.tag}",
            context={"location": str(copy / "context")},
            platforms=[docker_build.Platform(platform) for platform in platforms],
            tags=[reference],
            **arguments,
            **registry.reading(cache),
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

    def _explain(self, failure: pulumi.ErrorHookArgs) -> bool:
        """Print the end of a failed build's log: the provider reports only the exit code."""
        if advice := self._refused(" ".join(map(str, failure.errors))):
            pulumi.log.error(advice, self)
        log = buildx.end_of_log(self.tag, self._builder)
        if log:
            pulumi.log.error(f"The end of the build log ({self._repository.name}:{self.tag}):\n{log}", self)
        return False  # do not try again

    def _refused(self, errors: str) -> str:
        """Return what to do when the registry refuses another image for the tag; empty for other errors."""
        image = f"{self._repository.name}:{self.tag}"
        digest, _ = self._published()
        if digest:
            return (
                f"{image} exists: another build pushed {digest} meanwhile."
                " Run `pulumi up` again; it takes that image, and pushes nothing"
            )
        if not _IMMUTABLE.search(errors):
            return ""
        return (
            f"the registry has {image}, and refuses to change its tags. This machine cannot read the image:"
            f" `docker login {self._repository.host}` with a login that may, and `pulumi up` takes it"
        )


_IMMUTABLE = re.compile(r"immutable|already exists|cannot be overwritten|PRECONDITION", re.I)
"""Words of registries that refuse to change a tag: ECR, Harbor, Artifact Registry."""
_MISSING_SINCE = "missing_since"


@contextmanager
def _reported_context(name: str) -> Iterator[None]:
    """Report a context that cannot be read or copied as a bad argument."""
    try:
        yield
    except BadContext as error:
        raise invalid(AppImage, name, [str(error)]) from None
    except OSError as error:
        raise invalid(
            AppImage, name, [f"the context cannot be read or copied to .slipway: {error}"]
        ) from None


def _check_target(name: str, source: BuildContext, target: str | None, builder: str | None) -> None:
    """Refuse a target that is not a stage, by name or number, if the builder can list the stages."""
    path = source.root / source.dockerfile
    stages = buildx.stages(path.read_bytes(), builder) if target else None
    names = [stage.name for stage in stages or ()]
    if target is None or stages is None or target.lower() in names:
        return
    if not (target.isdecimal() and int(target) < len(names)):
        named = ", ".join(filter(None, names)) or "unnamed"
        raise invalid(AppImage, name, [f"target is {target!r}, but the stages of {path} are {named}"])


def _build_arguments(
    copy: Path,
    target: str | None,
    build_args: dict[str, str],
    secrets: dict[str, pulumi.Input[str]],
    preview_digest: bool,
) -> dict[str, Any]:
    """Return the arguments of a build. It pushes by exporter, so that a preview can build without pushing."""
    return {
        "dockerfile": {"location": str(copy / "Dockerfile")},
        "target": target,
        "build_args": build_args,
        "secrets": {**secrets, _MISSING_SINCE: str(time.time())},
        "ignore_secrets_in_diff_calculation": sorted(secrets),  # their changes cause no build
        "exports": [{"raw": "type=registry"}],
        "push": False,
        "build_on_preview": preview_digest,
    }


def _label_arguments(
    source: BuildContext, target: str | None, build_args: dict[str, str], builder: str | None
) -> dict[str, Any]:
    """Return the label with the name of the base image, for `slipway outdated`; none if it is unknown."""
    dockerfile = (source.root / source.dockerfile).read_bytes()
    base = buildx.base_image(dockerfile, target, build_args, builder)
    if not base:
        return {}
    repository, tag = split_tag(base)
    version = f":{tag}" if tag else f"@{base.partition('@')[2]}"
    return {"labels": {BASE: "/".join(split(repository)) + version}}


def _published_arguments(reference: str, digest: str) -> dict[str, Any]:
    """Return the arguments of an image that the registry has: it builds nothing, and pushes nothing.

    They matter only where the state has no image of this tag, because another stack has pushed it. The
    Dockerfile keeps the digest in the state, for `_digest`.
    """
    return {
        "dockerfile": {"inline": f"# {reference}@{digest}\nFROM scratch\n"},
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
