"""The images of a registry that no stack needs."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slipway.cluster.objects import live_objects, resources_in_state
from slipway.cluster.rollout import workloads
from slipway.images.references import REPOSITORY, TAG, Image, split, split_tag
from slipway.promotion.receipts import Outcome
from slipway.pulumi.stack_snapshot import REPOSITORIES, StackSnapshot

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = re.compile(rf"{REPOSITORY}(:{TAG})?")
# The tags of signatures and other attachments: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
_ATTACHED = re.compile(r"sha256-(?P<hex>[0-9a-f]{64})(\..*)?")

Children = Callable[[str], frozenset[str]]


def unneeded(tags: Mapping[str, str], needed: set[str], children: Children) -> dict[str, list[str]]:
    """Return the digests that no stack needs, each with its tags.

    A digest is kept when it is needed, when it is part of a kept image index or the index of a needed image,
    and when its tag attaches it (like a signature) to a kept digest.

    Args:
        tags: the digest of every tag of the repository.
        needed: the digests that stacks need.
        children: returns the manifests in an image index; none for an image.
    """
    by_digest: dict[str, list[str]] = {}
    for tag, digest in tags.items():
        by_digest.setdefault(digest, []).append(tag)
    parts = {digest: children(digest) for digest in by_digest if digest not in needed}
    kept = set(needed) | {digest for digest, manifests in parts.items() if manifests & needed}
    kept |= {child for digest in kept for child in parts.get(digest) or children(digest)}
    while attached := {
        digest
        for digest, names in by_digest.items()
        if digest not in kept and any(_attached_to(name) in kept for name in names)
    }:
        kept |= attached
    return {digest: sorted(names) for digest, names in by_digest.items() if digest not in kept}


def _attached_to(tag: str) -> str:
    match = _ATTACHED.fullmatch(tag)
    return f"sha256:{match['hex']}" if match else ""


def needed_by(snapshot: StackSnapshot, last: int) -> Iterator[str]:
    """Yield every digest that a stack needs.

    These are the digests in its state, its stack file and the pod templates of its workloads, of its `last`
    verified receipts of images and of models, to which it can roll back, and of an open or failed promotion.
    """
    yield from _digests(snapshot.state)
    yield from _DIGEST.findall(snapshot.file.text())
    for workload in live_objects(snapshot.cluster, workloads(snapshot.objects)).values():
        yield from _digests(workload["spec"]["template"])
    receipts = snapshot.receipts.all()
    unfinished = (Outcome.OPEN, Outcome.FAILED, Outcome.PROPOSED)
    latest = [
        change for receipt in receipts[:1] if receipt.outcome in unfinished for change in receipt.changes
    ]
    verified = [change for receipt in receipts if receipt.verified for change in receipt.changes]
    for setting in REPOSITORIES:
        latest += [change for change in verified if change.setting == setting][:last]
    for change in latest:
        yield change.digest
        yield from _DIGEST.findall(change.previous or "")


def named_tags(state: Mapping[str, Any], repository: str) -> set[str]:
    """Return the tags of a repository that a stack names without a digest: of build caches, and of images."""
    named = filter(_REFERENCE.fullmatch, _texts([item.get("inputs") for item in resources_in_state(state)]))
    return {tag for name, tag in map(split_tag, named) if split(name) == split(repository)}


def repositories(snapshot: StackSnapshot) -> set[str]:
    """Return the repositories that a stack's images and models come from."""
    own = [snapshot.promoting(setting) for setting in REPOSITORIES]
    names = {
        *(item.repository for item in own),
        *(item.image.repository for item in own if item.image),
        *(
            Image.parse(change.image).repository
            for receipt in snapshot.receipts.all()
            for change in receipt.changes
        ),
    }
    return names - {""}


def _digests(value: Any) -> Iterator[str]:
    for text in _texts(value):
        yield from _DIGEST.findall(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
