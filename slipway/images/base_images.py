"""Base images: whether an image still begins with the layers that its base has now.

A build records the name of its base as the label `org.opencontainers.image.base.name`:
https://github.com/opencontainers/image-spec/blob/main/annotations.md.
Layers are compared, not digests: official images get a new digest with each rebuild, changed or not.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from slipway.errors import ImageNotFound, SlipwayError
from slipway.images.references import Image, is_attestation, split_tag
from slipway.images.registry import Repository

BASE = "org.opencontainers.image.base.name"


class State(StrEnum):
    """The result of comparing an image with its base."""

    CURRENT = "current"
    OUTDATED = "outdated"
    NO_BASE = "no base recorded"
    UNKNOWN = "unknown"
    """The registry does not answer, or has no such base."""


class Platform(NamedTuple):
    """A platform of an image, from its configuration or from an image index."""

    os: str
    architecture: str
    variant: str

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> "Platform":
        """Read the fields `os`, `architecture` and `variant`."""
        return cls(fields.get("os", ""), fields.get("architecture", ""), fields.get("variant", ""))

    def matches(self, other: "Platform") -> bool:
        """Return whether both are the same; a missing variant matches each variant."""
        return self[:2] == other[:2] and (
            not (self.variant and other.variant) or self.variant == other.variant
        )

    def __str__(self) -> str:
        return "/".join(filter(None, self))


class Comparison(NamedTuple):
    """The result of comparing an image with its base."""

    state: State
    base: str = ""
    """docker.io/library/python:3.11"""
    problem: str = ""


def compare(image: Image) -> Comparison:
    """Compare the layers of an image with those that the tag of its base has now."""
    base = ""
    try:
        configurations = list(_configurations(Repository(image.repository), image.digest))
        bases = {_labels(configuration).get(BASE, "") for configuration in configurations}
        base = next(iter(sorted(bases - {""})), "")
        if not base:
            return Comparison(State.NO_BASE)
        name, tag = split_tag(base)
        if not tag:
            raise SlipwayError(
                f"the base {base} is pinned by digest without a tag: write FROM name:tag@sha256:…"
            )
        repository = Repository(name)  # one for all platforms: it keeps the registry's token
        current = all(_is_current(configuration, repository, tag) for configuration in configurations)
        return Comparison(State.CURRENT if current else State.OUTDATED, base)
    except SlipwayError as error:
        return Comparison(State.UNKNOWN, base, str(error))
    except (LookupError, TypeError, AttributeError):
        return Comparison(State.UNKNOWN, base, f"{image.by_digest} or its base has a malformed manifest")


def _is_current(configuration: Mapping[str, Any], base: Repository, tag: str) -> bool:
    """Return whether the image begins with the layers of its base for the same platform."""
    platform = Platform.from_fields(configuration)
    found = next(_configurations(base, tag, platform), None)
    if found is None:
        raise ImageNotFound(f"the base {base.name}:{tag} has no image for {platform}")
    layers = found["rootfs"]["diff_ids"]
    return bool(configuration["rootfs"]["diff_ids"][: len(layers)] == layers)


def _configurations(
    repository: Repository, reference: str, platform: Platform | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the configuration of an image, or of each platform of an index, or of one platform."""
    manifest = repository.manifest(reference)
    if "manifests" not in manifest:
        yield repository.blob(manifest["config"]["digest"])
        return
    for child in manifest["manifests"]:
        own = platform is None or platform.matches(Platform.from_fields(child.get("platform") or {}))
        if own and not is_attestation(child):
            yield repository.blob(repository.manifest(child["digest"])["config"]["digest"])


def _labels(configuration: Mapping[str, Any]) -> Mapping[str, str]:
    return (configuration.get("config") or {}).get("Labels") or {}
