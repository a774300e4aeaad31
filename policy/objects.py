"""Kubernetes objects as the rules see them: all that is nested in them, their containers, unknown values."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Manifest = Mapping[str, Any]

_LISTS = ("initContainers", "containers", "ephemeralContainers")
_OF_WORKFLOWS = (("templates", "container"), ("templates", "script"))
_NAMES = re.compile(r"container|sidecar|^steps$|^stepTemplate$", re.IGNORECASE)
_KEYS = {
    "command",
    "args",
    "env",
    "envFrom",
    "imagePullPolicy",
    "script",
    "securityContext",
    "volumeMounts",
}


class _Unknown(Mapping[str, Any]):
    """A value that is unknown before the update: what is in it is unknown too, and it is not empty.

    So a rule that looks for a missing value skips it. A rule that looks for a forbidden value asks `is_set`.
    """

    def __getitem__(self, key: str) -> Any:
        return self

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


UNKNOWN = _Unknown()


def is_set(value: Any) -> bool:
    """Return whether a value is known, and not false, 0 or empty."""
    return bool(value) and value is not UNKNOWN


def part(manifest: Manifest, key: str) -> Manifest:
    """Return the mapping under a key; an empty one if there is none."""
    value = manifest.get(key)
    return value if isinstance(value, Mapping) else {}


def items(manifest: Manifest, key: str) -> list[Manifest]:
    """Return the mappings in the list under a key."""
    value = manifest.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def texts(manifest: Manifest, key: str) -> list[str]:
    """Return the texts in the list under a key."""
    value = manifest.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


class Place(NamedTuple):
    """A mapping anywhere in an object."""

    manifest: Manifest
    path: tuple[str, ...]
    """The keys that lead to it."""
    outer: tuple[Manifest, ...]
    """The mappings that it is in, from the outside in."""

    @property
    def is_container(self) -> bool:
        """Whether it has the settings of a container, or some of them."""
        if self.path[-1:] and self.path[-1] in _LISTS:
            return True
        has_image = isinstance(self.manifest.get("image"), str | _Unknown)
        named = bool(self.path) and _NAMES.search(self.path[-1])
        return has_image and bool(named or not _KEYS.isdisjoint(self.manifest))

    @property
    def is_whole(self) -> bool:
        """Whether it is a container with all its settings, in a pod or in a template of Argo Workflows.

        Other kinds set some of a container's settings, and their controllers set the rest.
        """
        known = self.path[-1:] and (self.path[-1] in _LISTS or self.path[-2:] in _OF_WORKFLOWS)
        return bool(known and self.manifest.get("image"))

    @property
    def title(self) -> str:
        """The words for it in a sentence: a probe has those of its container."""
        if not self.is_container:
            return Place(self.outer[-1], self.path[:-1], self.outer[:-1]).title if self.outer else "the pod"
        names = [level.get("name") for level in (self.manifest, *self.outer[-1:])]
        return f"container {next((name for name in names if isinstance(name, str)), 'without a name')}"

    @property
    def has_containers(self) -> bool:
        """Whether there are containers in it."""
        return any(place.is_container for place in places(self.manifest))

    def security(self, key: str) -> Any:
        """Return a setting of the container's security context, or of its pod's, or of its workflow's."""
        levels = self.outer[-2:] if self.path[-2:-1] == ("templates",) else self.outer[-1:]
        contexts = (part(level, "securityContext") for level in (self.manifest, *reversed(levels)))
        return next((value for context in contexts if (value := context.get(key)) is not None), None)


def places(value: Any, path: tuple[str, ...] = (), outer: tuple[Manifest, ...] = ()) -> Iterator[Place]:
    """Yield each mapping in a value, however deep: custom resources have pods anywhere."""
    if isinstance(value, Mapping):
        yield Place(value, path, outer)
        for key, item in value.items():
            yield from places(item, (*path, str(key)), (*outer, value))
    elif isinstance(value, list):
        for item in value:
            yield from places(item, path, outer)


class KubernetesObject(NamedTuple):
    """A Kubernetes object, or a patch of one."""

    kind: str
    manifest: Manifest
    is_patch: bool = False

    @property
    def places(self) -> list[Place]:
        """All that is nested in it, and the object itself."""
        return list(places(self.manifest))

    @property
    def containers(self) -> list[Place]:
        """Each place with settings of a container."""
        return [place for place in self.places if place.is_container]

    @property
    def whole_containers(self) -> list[Place]:
        """Each container that has all its settings here, so that what is missing is not set at all."""
        return [] if self.is_patch else [place for place in self.places if place.is_whole]
