"""Image references: the names of repositories and images, and the one way to take them apart."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

# https://github.com/distribution/reference: host[:port]/path with a lower-case path
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL = r"[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REPOSITORY = rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"

PINNED = rf"^(({_TAG}|{_REPOSITORY}(:{_TAG})?)@)?{_DIGEST}$"
"""The pattern of the texts that `ImageReference.parse` accepts, for JSON schemas."""


@dataclass(frozen=True)
class ImageReference:
    """The name of one version of an image: `repository:tag@sha256:…`, or without the tag."""

    repository: str
    digest: str
    tag: str = ""

    @classmethod
    def parse(cls, text: str, repository: str = "") -> "ImageReference":
        """Take apart `repository:tag@sha256:…`; with `repository` also `tag@sha256:…` and `sha256:…`.

        Raises:
            ValueError: the text does not name a digest.
        """
        if repository and (match := re.fullmatch(rf"(?:({_TAG})@)?({_DIGEST})", text)):
            return cls(repository, match[2], match[1] or "")
        if match := re.fullmatch(rf"({_REPOSITORY})(?::({_TAG}))?@({_DIGEST})", text):
            return cls(match[1], match[3], match[2] or "")
        raise ValueError("must name one version by digest: sha256:…, tag@sha256:… or repository:tag@sha256:…")

    @property
    def version(self) -> str:
        """A short name for people: the tag, or else the first 12 digits of the digest."""
        return self.tag or self.digest.removeprefix("sha256:")[:12]

    def __str__(self) -> str:
        return (
            f"{self.repository}:{self.tag}@{self.digest}" if self.tag else f"{self.repository}@{self.digest}"
        )


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


def _repository(value: str) -> str:
    lower = value.lower()
    host = split(value)[0]
    ambiguous = host != host.lower() and not re.search("[.:]", host)  # Docker takes MyOrg for a registry
    if (
        lower != value
        and re.fullmatch(_REPOSITORY, lower)
        and (ambiguous or not re.fullmatch(_REPOSITORY, value))
    ):
        raise ValueError(f"must be lower case: {lower}")
    if "://" in value:
        raise ValueError(f"must be without a scheme: {value.partition('://')[2]}")
    if not re.fullmatch(_REPOSITORY, value):
        raise ValueError(
            "must be a repository without tag or digest: localhost:5001/web, ghcr.io/you/web, you/web"
        )
    return value


def _tagged(value: str) -> str:
    if not re.fullmatch(f"{_REPOSITORY}:{_TAG}", value):
        raise ValueError("must be a repository and a tag: ghcr.io/you/web:buildcache")
    return value


RepositoryName = Annotated[str, AfterValidator(_repository)]
TaggedReference = Annotated[str, AfterValidator(_tagged)]
