"""Which images of a registry nobody needs any more."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slipway.cluster.objects import live_objects
from slipway.cluster.rollout import workloads
from slipway.images.references import Image
from slipway.promotion.receipts import Outcome, good
from slipway.pulumi.snapshot import StackSnapshot

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# What cosign and others attach to an image: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
_ATTACHED = re.compile(r"sha256-(?P<hex>[0-9a-f]{64})(\..*)?")

Children = Callable[[str], frozenset[str]]


def unneeded(tags: Mapping[str, str], needed: set[str], children: Children) -> dict[str, list[str]]:
    """Return the digests that may go, each with its tags.

    A digest stays when it is needed, when it is an index that holds a needed one, and when one of its tags
    says that it is attached (as a signature is) to one that stays.

    Args:
        tags: every tag of the repository with its digest.
        needed: digests that must stay.
        children: the manifests that an index holds; none for what is no index.
    """
    by_digest: dict[str, list[str]] = {}
    for tag, digest in tags.items():
        by_digest.setdefault(digest, []).append(tag)
    held = {digest: children(digest) for digest in by_digest if digest not in needed}
    stays = set(needed) | {digest for digest, inside in held.items() if inside & needed}
    stays |= {child for digest in stays for child in held.get(digest) or children(digest)}
    while attached := {
        digest
        for digest, names in by_digest.items()
        if digest not in stays and any(_attached_to(name) in stays for name in names)
    }:
        stays |= attached
    return {digest: sorted(names) for digest, names in by_digest.items() if digest not in stays}


def _attached_to(tag: str) -> str:
    found = _ATTACHED.fullmatch(tag)
    return f"sha256:{found['hex']}" if found else ""


def needed_by(side: StackSnapshot, last: int) -> Iterator[str]:
    """Yield every digest that a stack needs.

    That is: what its state, its file and its cluster name anywhere; what its last good receipts promise to go
    back to; and what an open or failed promotion is about.
    """
    yield from _digests(side.state)
    yield from _DIGEST.findall(side.file.text())
    for one in live_objects(side.cluster, workloads(side.objects)).values():
        yield from _digests(one["spec"]["template"])
    receipts = side.receipts.all()
    kept = list(good(receipts))[:last]
    kept += [one for one in receipts[:1] if one.outcome in (Outcome.OPEN, Outcome.FAILED, Outcome.PROPOSED)]
    for receipt in kept:
        yield receipt.digest
        yield from _DIGEST.findall(receipt.previous or "")


def repositories(side: StackSnapshot) -> set[str]:
    """Return the repositories that a stack's images have come from."""
    names = {side.repository, *(Image.parse(one.image).repository for one in side.receipts.all())}
    if side.image:
        names.add(side.image.repository)
    return names - {""}


def _digests(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _digests(item)
    elif isinstance(value, list):
        for item in value:
            yield from _digests(item)
    elif isinstance(value, str):
        yield from _DIGEST.findall(value)
