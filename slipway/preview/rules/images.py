"""Images that change."""

import re
from collections.abc import Iterator
from typing import Any

from slipway.images.references import split_tag
from slipway.preview.rules.consequence import Consequence, Level, Situation, get, items
from slipway.preview.rules.workloads import KINDS, template_of
from slipway.pulumi.changes import Hidden


def images(situation: Situation) -> Iterator[Consequence]:
    """Yield the images that change, with the old and the new reference and the commits between."""
    built = dict(_built(situation))
    for old, new in situation.updates(*KINDS):
        for name, before, after in _changes(template_of(old), template_of(new)):
            unbuilt = isinstance(after, Hidden)
            text = built.get(repository(before), str(after)) if unbuilt else short(str(after))
            advice = _advice(before, after)
            yield Consequence(
                Level.ATTENTION if advice else Level.SAFE,
                "image",
                f"{new} ({name}): {short(str(before))} → {text}{advice}",
                new.change.urn,
                details=situation.commits,
            )


def is_ordinary(before: Any, after: Any) -> bool:
    """Return whether an image replaces another one as in an ordinary release."""
    return before is not None and after is not None and not _advice(before, after)


def _advice(before: Any, after: Any) -> str:
    """Return why a reviewer has to look at an image; empty if it is an ordinary release."""
    if isinstance(after, Hidden):
        return ""
    old, new = str(before), str(after)
    if "@sha256:" not in new:
        return "; a tag without a digest may name another image later"
    if not isinstance(before, Hidden) and _name(old) != _name(new):
        return "; it is another program's image"
    versions = [_version(reference) for reference in (old, new)]
    if None not in versions and versions[1] < versions[0]:  # type: ignore[operator] # both are tuples
        return "; it is an older version"
    return ""


def _name(reference: str) -> str:
    return repository(reference).rpartition("/")[2]


def _version(reference: str) -> tuple[int, ...] | None:
    tag = reference.partition("@")[0].removeprefix(repository(reference)).lstrip(":v")
    return tuple(map(int, tag.split("."))) if re.fullmatch(r"\d{1,4}(\.\d{1,4}){1,2}", tag) else None


def platforms(situation: Situation) -> Iterator[Consequence]:
    """Yield images that are built for platforms that no node has."""
    nodes = situation.cluster.nodes if situation.cluster else ()
    known = {str(node.labels["kubernetes.io/arch"]) for node in nodes if "kubernetes.io/arch" in node.labels}
    for change in situation.changes:
        if change.type == "docker-build:index:Image" and known:
            platforms = map(str, items(get(change.new, "platforms")))
            built = {platform.split("/")[1] for platform in platforms if "/" in platform}
            if built and not known & built:
                architectures = f"{', '.join(sorted(built))}, but the nodes are {', '.join(sorted(known))}"
                reason = f"Image {change.name} is built for {architectures}: its pods cannot start"
                yield Consequence(Level.ATTENTION, "image", reason, change.urn)


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
    return split_tag(str(reference))[0]


def short(reference: str) -> str:
    """Shorten the hashes of an image reference to 12 digits."""
    name, at, digest = reference.partition("@sha256:")
    head, colon, tag = name.rpartition(":")
    if colon and re.fullmatch("[0-9a-f]{16,}", tag):
        name = f"{head}:{tag[:12]}"
    return f"{name}@{digest[:12]}" if at else name
