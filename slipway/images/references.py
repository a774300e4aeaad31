"""Image references, and images by digest, which `docker buildx` inspects and copies to another registry.

It uses the logins of `docker login` and needs no Docker daemon. `components/` has its references from here.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slipway import process
from slipway.errors import BadReference as BadReference  # also for the program
from slipway.errors import ImageNotFound, SlipwayError

# https://github.com/distribution/reference
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
REPOSITORY = rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
DIGEST = r"sha256:[0-9a-f]{64}"
PINNED = rf"^(({TAG}|{REPOSITORY}(:{TAG})?)@)?{DIGEST}$"
"""The pattern of the texts that `Image.parse` accepts, for JSON schemas."""
TIMEOUT_S = 600
"""The time limit for copying or reading an image."""


@dataclass(frozen=True)
class Image:
    """An image reference with a digest: one version of an application."""

    repository: str
    """ghcr.io/acme/hits"""
    digest: str
    tag: str = ""
    """For readers only: the digest decides which version runs."""

    @classmethod
    def parse(cls, text: str, repository: str = "") -> "Image":
        """Parse repository:tag@sha256:…, or tag@sha256:… and sha256:… relative to `repository`.

        Raises:
            BadReference: when the text has no digest.
        """
        match = re.fullmatch(rf"(?:({TAG})@)?({DIGEST})", text)
        if repository and match and match[1] != repository:  # `hits@sha256:…` may name the repository hits
            return cls(repository, match[2], match[1] or "")
        if match := re.fullmatch(rf"({REPOSITORY})(?::({TAG}))?@({DIGEST})", text):
            return cls(match[1], match[3], match[2] or "")
        raise BadReference(text)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}@{self.digest}"

    @property
    def version(self) -> str:
        """A short name for people: the tag, or else the first 12 digits of the digest."""
        return self.tag or self.digest.removeprefix("sha256:")[:12]

    @property
    def by_digest(self) -> str:
        """The reference without the tag, which may have moved."""
        return f"{self.repository}@{self.digest}"

    def in_repository(self, repository: str) -> "Image":
        """Return the reference of the same version in another repository."""
        return Image(repository, self.digest, self.tag)


def split(repository: str) -> tuple[str, str]:
    """Return the registry and the repository's name within it, as Docker resolves them.

    The part before the first slash is the registry if it has a dot, a colon or a capital, or is localhost.
    https://github.com/distribution/reference/blob/main/normalize.go (splitDockerDomain)
    """
    first, slash, rest = repository.partition("/")
    is_host = slash and (first == "localhost" or first != first.lower() or re.search("[.:]", first))
    host, path = (first, rest) if is_host else ("docker.io", repository)
    host = "docker.io" if host == "index.docker.io" else host
    return host, f"library/{path}" if host == "docker.io" and "/" not in path else path


def split_tag(reference: str) -> tuple[str, str]:
    """Return the repository and the tag: by default `latest`, but empty for a reference by digest alone."""
    name, _, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return head, tag
    return name, "" if digest else "latest"


def manifest(image: Image) -> dict[str, Any]:
    """Return the manifest or the image index.

    Raises:
        ImageNotFound: when the registry does not have the image.
        SlipwayError: when the registry is unreachable, or its response has another digest.
    """
    raw = _raw(image.by_digest)
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if digest != image.digest:
        raise SlipwayError(f"{image.by_digest}: the registry's response has the digest {digest}")
    content: dict[str, Any] = json.loads(raw)
    return content


def configurations(image: Image) -> dict[str, str]:
    """Return the configuration's digest for each manifest of an image, or of the platforms of its index."""
    top = manifest(image)
    children = {child["digest"] for child in top.get("manifests", ()) if not is_attestation(child)}
    manifests = {digest: manifest(replace(image, digest=digest)) for digest in children}
    manifests = manifests or {image.digest: top}
    return {digest: content["config"]["digest"] for digest, content in manifests.items()}


def is_attestation(child: Mapping[str, Any]) -> bool:
    """Return whether an entry of an image index is an attestation by BuildKit, and not a platform."""
    return "vnd.docker.reference.type" in (child.get("annotations") or {})


def is_reported(image: Image, reported: str) -> bool:
    """Return whether a container runtime may report this digest for an image.

    Runtimes report the digest of the image index, of the platform's manifest, or of its configuration. For an
    image with several references, containerd may report another index with the same configurations.
    """
    if reported == image.digest:
        return True
    own = configurations(image)
    if reported in {*own, *own.values()}:
        return True
    try:
        other = configurations(replace(image, digest=reported))
    except ImageNotFound:
        return False
    return {*other.values()} <= {*own.values()}


def tag_digest(image: Image) -> str | None:
    """Return the current digest of the tag; None when there is no tag, or the registry does not have it."""
    if not image.tag:
        return None
    try:
        return f"sha256:{hashlib.sha256(_raw(f'{image.repository}:{image.tag}')).hexdigest()}"
    except ImageNotFound:
        return None


def copy(image: Image, repository: str) -> Image:
    """Copy an image with all platforms and attestations unless it exists, and check the copy's digest.

    It moves no tag: if the tag has another digest there, the copy's tag is its digest.
    """
    copied = image.in_repository(repository)
    try:
        manifest(copied)
        return copied
    except ImageNotFound:
        pass
    tag = image.tag
    if not tag or tag_digest(copied):  # a tag with another digest stays: a registry may refuse to move it
        tag = image.digest.replace(":", "-")
    # Without --prefer-index=false an image of one platform is wrapped in an index, and gets another digest:
    # https://github.com/docker/buildx/issues/2481
    _buildx("imagetools", "create", "--prefer-index=false", "--tag", f"{repository}:{tag}", image.by_digest)
    manifest(copied)
    return copied


def _raw(reference: str) -> bytes:
    return _buildx("imagetools", "inspect", "--raw", reference)


def buildx(*arguments: str) -> tuple[str, ...]:
    """Return the command line of buildx with these arguments."""
    return (*_executable(), *arguments)


def _buildx(*arguments: str) -> bytes:
    result = process.run(*buildx(*arguments), timeout_s=TIMEOUT_S)
    if result.code:
        missing = re.search(r"not found|manifest unknown|name unknown|NAME_UNKNOWN", result.error)
        kind = ImageNotFound if missing and arguments[:2] == ("imagetools", "inspect") else SlipwayError
        raise kind(f"{arguments[-1]}: {result.error.removeprefix('ERROR: ')}")
    return result.stdout


def _executable() -> tuple[str, ...]:
    """Find buildx: docker's plugin, or the executable by itself where docker is not installed."""
    directory = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    plugin = directory / "cli-plugins/docker-buildx"
    if plugin.exists():
        return (str(plugin),)
    if executable := shutil.which("buildx"):
        return (executable,)
    if docker := shutil.which("docker"):
        return (docker, "buildx")
    raise SlipwayError(
        "docker buildx, which inspects and copies images, is not installed: https://github.com/docker/buildx"
    )
