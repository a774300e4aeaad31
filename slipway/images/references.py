"""Images by digest: whether a registry has one, and copying it to another. `docker buildx` does the work.

It uses the logins that `docker login` made, and works without a Docker daemon.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.errors import SlipwayError

# https://github.com/distribution/reference; components/image/reference.py has the same rules.
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REPOSITORY = rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
TIMEOUT_S = 600
"""How long copying or reading an image may take."""


class NoSuchImage(SlipwayError):
    """The registry does not have it."""


@dataclass(frozen=True)
class Image:
    """One version of an application, as its bytes."""

    repository: str
    """ghcr.io/acme/hits"""
    digest: str
    tag: str = ""
    """For people; the digest is what runs."""

    @classmethod
    def parse(cls, text: str, repository: str = "") -> "Image":
        """Read repository:tag@sha256:…, or tag@sha256:… and sha256:… relative to `repository`.

        Raises:
            SlipwayError: when it names no version by digest.
        """
        if repository and (match := re.fullmatch(rf"(?:({_TAG})@)?({_DIGEST})", text)):
            return cls(repository, match[2], match[1] or "")
        if match := re.fullmatch(rf"({_REPOSITORY})(?::({_TAG}))?@({_DIGEST})", text):
            return cls(match[1], match[3], match[2] or "")
        raise SlipwayError(f"{text!r} names no version by digest; it must read repository:tag@sha256:…")

    def __str__(self) -> str:
        return f"{self.repository}{':' * bool(self.tag)}{self.tag}@{self.digest}"

    @property
    def by_digest(self) -> str:
        """Its name without the tag, which may have moved."""
        return f"{self.repository}@{self.digest}"

    def moved_to(self, repository: str) -> "Image":
        """Return the same version in another repository."""
        return Image(repository, self.digest, self.tag)


def split(repository: str) -> tuple[str, str]:
    """Return the registry and the repository's name within it, as Docker resolves them.

    https://github.com/distribution/reference/blob/main/normalize.go (splitDockerDomain)
    """
    first, slash, rest = repository.partition("/")
    is_host = slash and (first == "localhost" or first != first.lower() or re.search("[.:]", first))
    host, path = (first, rest) if is_host else ("docker.io", repository)
    host = "docker.io" if host == "index.docker.io" else host
    return host, f"library/{path}" if host == "docker.io" and "/" not in path else path


def manifest(image: Image) -> dict[str, Any]:
    """Return the manifest, or the index of them.

    Raises:
        NoSuchImage: when the registry does not have it.
        SlipwayError: when the registry cannot be asked, or answers with something else.
    """
    raw = _raw(image.by_digest)
    found = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if found != image.digest:
        raise SlipwayError(f"{image.by_digest}: the registry answers with {found}")
    content: dict[str, Any] = json.loads(raw)
    return content


def tagged(image: Image) -> str | None:
    """Return the digest that the tag names now; None when the tag is gone, or there is none."""
    if not image.tag:
        return None
    try:
        return f"sha256:{hashlib.sha256(_raw(f'{image.repository}:{image.tag}')).hexdigest()}"
    except NoSuchImage:
        return None


def copy(image: Image, repository: str) -> Image:
    """Copy every platform and attestation, and prove that the digest is the same; nothing is sent twice.

    Raises:
        SlipwayError: with what the registry said.
    """
    copied = image.moved_to(repository)
    try:
        manifest(copied)
        return copied
    except NoSuchImage:
        pass
    tag = image.tag or image.digest.replace(":", "-")
    # Without --prefer-index=false an image of one platform is wrapped in an index, and gets another digest:
    # https://github.com/docker/buildx/issues/2481
    _buildx("imagetools", "create", "--prefer-index=false", "--tag", f"{repository}:{tag}", image.by_digest)
    manifest(copied)
    return copied


def _raw(reference: str) -> bytes:
    return _buildx("imagetools", "inspect", "--raw", reference)


def buildx(*words: str) -> tuple[str, ...]:
    """Return the command line of buildx with these words."""
    return (*_executable(), *words)


def _buildx(*words: str) -> bytes:
    command = buildx(*words)
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise SlipwayError(f"{' '.join(command)} did not end within {TIMEOUT_S} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        missing = re.search(r"not found|manifest unknown|name unknown|NAME_UNKNOWN", said)
        kind = NoSuchImage if missing and "imagetools" in words and "inspect" in words else SlipwayError
        raise kind(f"{words[-1]}: {said.removeprefix('ERROR: ')}")
    return done.stdout


def _executable() -> tuple[str, ...]:
    """Find buildx: a plugin of docker, or the executable alone where the docker command is not installed."""
    directory = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    plugin = directory / "cli-plugins/docker-buildx"
    if plugin.exists():
        return (str(plugin),)
    if alone := shutil.which("buildx"):
        return (alone,)
    if docker := shutil.which("docker"):
        return (docker, "buildx")
    raise SlipwayError(
        "docker buildx is not installed, and images are read and copied with it: https://github.com/docker/buildx"
    )
