"""Pruning finds all images that no stack needs, and no image that a stack needs."""

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slipway.retention import named_tags, unneeded

TAGS = 1000


@dataclass
class Simulated:
    """A registry with images of one platform, indexes, moved tags and signatures."""

    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, frozenset[str]] = field(default_factory=dict)

    def push(self, tag: str, children: frozenset[str] = frozenset()) -> str:
        digest = f"sha256:{hashlib.sha256(f'{tag}{sorted(children)}'.encode()).hexdigest()}"
        self.manifests[digest] = children
        self.tags[tag] = digest
        return digest

    def children(self, digest: str) -> frozenset[str]:
        return self.manifests[digest]

    def without(self, deleted: Mapping[str, object]) -> "Simulated":
        """Return the registry after the deletion and its garbage collection."""
        tags = {tag: digest for tag, digest in self.tags.items() if digest not in deleted}
        reached = {reached for digest in tags.values() for reached in (digest, *self.manifests[digest])}
        return Simulated(
            tags, {digest: parts for digest, parts in self.manifests.items() if digest in reached}
        )


def filled(seed: int) -> Simulated:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    registry = Simulated()
    while len(registry.tags) < TAGS:
        number = len(registry.tags)
        kind = chance.random()
        if kind < 0.6:
            registry.push(f"v{number}")
        elif kind < 0.8:
            parts = [registry.push(f"v{number}-{platform}") for platform in ("amd64", "arm64")]
            registry.push(f"v{number}", frozenset(parts))
            if chance.random() < 0.5:  # the parts were never tagged
                for platform in ("amd64", "arm64"):
                    del registry.tags[f"v{number}-{platform}"]
        elif kind < 0.9 and registry.tags:
            registry.tags[f"alias{number}"] = chance.choice(list(registry.tags.values()))
        elif registry.tags:
            subject = chance.choice(list(registry.tags.values()))
            registry.push(f"{subject.replace(':', '-')}.sig")
    return registry


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9), use=st.floats(0, 1))
def test_only_unneeded_images_are_deleted(seed: int, use: float) -> None:
    registry = filled(seed)
    chance = random.Random(seed + 1)  # noqa: S311 - not for secrets
    needed = {digest for digest in registry.manifests if chance.random() < use}
    deleted = unneeded(registry.tags, needed, registry.children)
    left = registry.without(deleted)
    for digest in needed:
        if digest in registry.without({}).manifests:
            assert digest in left.manifests, "a needed image can still be pulled"
            assert registry.manifests[digest] <= left.manifests.keys(), "with all its parts"
    for tag, digest in left.tags.items():
        holds = bool(registry.manifests[digest] & needed)
        part = any(digest in registry.manifests[index] for index in left.tags.values())
        signature = tag.startswith("sha256-") or any(
            other.startswith("sha256-") for other, same in registry.tags.items() if same == digest
        )
        assert digest in needed or holds or part or signature, "no other image is kept"


def test_all_images_are_deleted_when_no_stack_needs_one() -> None:
    registry = filled(1)
    assert registry.without(unneeded(registry.tags, set(), registry.children)).tags == {}


def test_a_signature_is_kept_with_its_image() -> None:
    registry = Simulated()
    image = registry.push("v1")
    signature = registry.push(f"{image.replace(':', '-')}.sig")
    other = registry.push("v2")
    assert unneeded(registry.tags, {image}, registry.children) == {other: ["v2"]}
    assert set(unneeded(registry.tags, {other}, registry.children)) == {image, signature}


def test_a_build_cache_is_needed_by_its_tag() -> None:
    inputs = {
        "cacheFrom": [{"registry": {"ref": "docker.io/you/web:cache"}}, {"gha": {}}],
        "cacheTo": [{"registry": {"ref": "you/web:other"}}, {"registry": {"ref": "ghcr.io/you/web:third"}}],
    }
    state = {"deployment": {"resources": [{"inputs": inputs}, {"inputs": None}, {}]}}
    assert named_tags(state, "you/web") == {"cache", "other"}
    assert named_tags(state, "ghcr.io/you/web") == {"third"}
    assert named_tags({"deployment": {}}, "you/web") == set()


def test_an_image_that_pods_name_by_tag_is_needed() -> None:
    """Also one without a tag; the tag of a reference with a digest does not count, the digest does."""
    images = [
        "ghcr.io/you/web:worker-1",
        "ghcr.io/you/web",
        f"ghcr.io/you/web:old@sha256:{'a' * 64}",
        "redis:7",
    ]
    containers = [{"image": image} for image in images]
    pod = {"spec": {"template": {"spec": {"containers": containers, "note": "see ghcr.io/you/web:x"}}}}
    state = {"deployment": {"resources": [{"inputs": pod}]}}
    assert named_tags(state, "ghcr.io/you/web") == {"worker-1", "latest"}
