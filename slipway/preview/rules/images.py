"""Images that change."""

import re
from collections.abc import Iterator
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Situation, get, items
from slipway.preview.rules.workloads import KINDS, template_of
from slipway.pulumi.changes import Hidden


def images(situation: Situation) -> Iterator[Consequence]:
    """Yield the images that change, with the old and the new reference and the commits between."""
    built = dict(_built(situation))
    for old, new in situation.updates(*KINDS):
        for name, before, after in _changes(template_of(old), template_of(new)):
            unbuilt = isinstance(after, Hidden)
            text = built.get(repository(before), str(after)) if unbuilt else short(str(after))
            pinned = unbuilt or "@sha256:" in str(after)
            advice = "" if pinned else "; a tag without a digest may name another image later"
            yield Consequence(
                Level.SAFE if pinned else Level.ATTENTION,
                "image",
                f"{new} ({name}): {short(str(before))} → {text}{advice}",
                new.change.urn,
                details=situation.commits,
            )


def _changes(old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    for key in ("initContainers", "containers"):
        before = {
            get(container, "name"): get(container, "image") for container in items(get(old, "spec", key))
        }
        for container in items(get(new, "spec", key)):
            name, image = get(container, "name"), get(container, "image")
            if name in before and before[name] != image:
                yield str(name), before[name], image


def _built(situation: Situation) -> Iterator[tuple[str, str]]:
    """Yield the images that the update will build. Their tags are fixed before, their digests are not."""
    for change in situation.changes:
        if change.type == "docker-build:index:Image":
            for tag in items(get(change.new, "tags")):
                if isinstance(tag, str):
                    yield repository(tag), f"{short(tag)} (to be built)"


def repository(reference: Any) -> str:
    """Return an image reference without tag and digest: ghcr.io/you/web."""
    name = str(reference).partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def short(reference: str) -> str:
    """Shorten the hashes of an image reference to 12 digits."""
    name, at, digest = reference.partition("@sha256:")
    head, colon, tag = name.rpartition(":")
    if colon and re.fullmatch("[0-9a-f]{16,}", tag):
        name = f"{head}:{tag[:12]}"
    return f"{name}@{digest[:12]}" if at else name
