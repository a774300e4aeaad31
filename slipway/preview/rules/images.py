"""Which image runs, and which will."""

import re
from collections.abc import Iterator
from typing import Any

from slipway.preview.rules.model import Consequence, Level, Situation, get, items
from slipway.preview.rules.workloads import KINDS, template_of
from slipway.pulumi.changes import Hidden


def images(situation: Situation) -> Iterator[Consequence]:
    """Tell each image that changes, old and new, and what is new in it."""
    built = dict(_built(situation))
    for old, new in situation.updates(*KINDS):
        for name, was, will in _changes(template_of(old), template_of(new)):
            text = built.get(repository(was), str(will)) if isinstance(will, Hidden) else short(str(will))
            pinned = isinstance(will, Hidden) or "@sha256:" in str(will)
            advice = "" if pinned else ", by a tag, which may lead elsewhere tomorrow"
            yield Consequence(
                Level.SAFE if pinned else Level.ATTENTION,
                "image",
                f"{new.label} ({name}): {short(str(was))} → {text}{advice}",
                new.change.urn,
                details=situation.commits,
            )


def _changes(old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    for kind in ("initContainers", "containers"):
        before = {get(one, "name"): get(one, "image") for one in items(get(old, "spec", kind))}
        for one in items(get(new, "spec", kind)):
            name, image = get(one, "name"), get(one, "image")
            if name in before and before[name] != image:
                yield str(name), before[name], image


def _built(situation: Situation) -> Iterator[tuple[str, str]]:
    """What images will be called that `up` builds: the tag is known before, the digest is not."""
    for change in situation.changes:
        if change.type == "docker-build:index:Image":
            for tag in items(get(change.new, "tags")):
                if isinstance(tag, str):
                    yield repository(tag), f"{short(tag)} (to be built)"


def repository(reference: Any) -> str:
    """Return an image's name without tag and digest: ghcr.io/you/web."""
    name = str(reference).partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return head if colon and "/" not in tail else name


def short(reference: str) -> str:
    """Write a reference with as much of its hashes as tells them apart."""
    name, at, digest = reference.partition("@sha256:")
    head, colon, tag = name.rpartition(":")
    if colon and re.fullmatch("[0-9a-f]{16,}", tag):
        name = f"{head}:{tag[:12]}"
    return f"{name}@{digest[:12]}" if at else name
