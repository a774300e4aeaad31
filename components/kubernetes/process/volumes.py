"""Directories of a container that are writable: scratch space, memory, and claims."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Literal

import pulumi_kubernetes as k8s
from pydantic import AfterValidator

from components.validation import InputText, Memory, Name, Text, options, quantity

Access = Literal["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"]


def absolute_path(value: str) -> str:
    """Refuse what is not the normalised path of a file or directory below the root."""
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", value) or {".", ".."} & set(value.split("/")):
        raise ValueError("must be an absolute path of letters, digits, `.`, `_` and `-`: /srv/media")
    return value


ContainerPath = Annotated[str, AfterValidator(absolute_path)]


class Volume(ABC):
    """A writable directory. Create it with `Volume.scratch`, `.memory`, `.claim` or `.existing`."""

    path: str

    @staticmethod
    def scratch(path: str, *, size: str) -> Volume:
        """Return an empty directory on the node's disk, which goes with the pod.

        A pod that writes more than `size` is evicted.
        """
        return EmptyDirectory(path=path, size=size, in_memory=False)

    @staticmethod
    def memory(path: str, *, size: str) -> Volume:
        """Return an empty directory in memory, which counts against the memory limit."""
        return EmptyDirectory(path=path, size=size, in_memory=True)

    @staticmethod
    def claim(
        path: str,
        *,
        name: str,
        size: str,
        storage_class: str | None = None,
        access: Access = "ReadWriteOnce",
    ) -> Volume:
        """Return a directory that outlives its pods, in a claim of that size that the component creates.

        The claim is called COMPONENT-NAME. Pulumi never deletes it: it goes with its namespace. `size` can be
        raised later if the class allows it; class and access mode can never change.

        ReadWriteOnce is for a single pod, ReadWriteMany for several, if the class offers it.
        """
        return Claim(path=path, name=name, size=size, storage_class=storage_class, access=access)

    @staticmethod
    def existing(path: str, *, claim: str) -> Volume:
        """Return the directory of a claim that exists, for example of another component."""
        return _Existing(path=path, claim_name=claim)

    @abstractmethod
    def source(self, component: str) -> k8s.core.v1.VolumeArgsDict:
        """Return the entry of the pod's `volumes`.

        Each kind has names of its own: from release 4.29 on the plugin previews the first update of an object
        as a merge of old and new by name, and a volume cannot be of two kinds.
        """

    def mount(self, component: str) -> k8s.core.v1.VolumeMountArgsDict:
        """Return the entry of the container's `volume_mounts`."""
        return {"name": self.source(component)["name"], "mount_path": self.path}

    @property
    def _slug(self) -> str:
        """The path as a part of a name of at most 63 characters, which no other path has."""
        readable = re.sub("[^a-z0-9]+", "-", self.path.lower())[:40].strip("-")
        return f"{readable}-{hashlib.sha256(self.path.encode()).hexdigest()[:6]}"


@options
class EmptyDirectory(Volume):
    """An empty directory, from `Volume.scratch` or `.memory`."""

    path: ContainerPath
    size: Memory
    in_memory: bool

    def source(self, component: str) -> k8s.core.v1.VolumeArgsDict:
        """Return the entry of the pod's `volumes`."""
        if self.in_memory:
            directory: k8s.core.v1.EmptyDirVolumeSourceArgsDict = {
                "medium": "Memory",
                "size_limit": self.size,
            }
            return {"name": f"memory-{self._slug}", "empty_dir": directory}
        return {"name": f"scratch-{self._slug}", "empty_dir": {"size_limit": self.size}}


@options
class Claim(Volume):
    """A directory in a claim that the component creates, from `Volume.claim`."""

    path: ContainerPath
    name: Name
    size: Memory
    storage_class: Text | None
    access: Access

    def object_name(self, component: str) -> str:
        """Return the name of the claim's object."""
        return f"{component}-{self.name}"

    def source(self, component: str) -> k8s.core.v1.VolumeArgsDict:
        """Return the entry of the pod's `volumes`."""
        claim: k8s.core.v1.PersistentVolumeClaimVolumeSourceArgsDict = {
            "claim_name": self.object_name(component)
        }
        return {"name": f"claim-{self.name}", "persistent_volume_claim": claim}

    @property
    def for_one_pod(self) -> bool:
        """Whether pods on two nodes cannot have it at the same time."""
        return self.access != "ReadWriteMany"


@options
class _Existing(Volume):
    path: ContainerPath
    claim_name: InputText

    def source(self, component: str) -> k8s.core.v1.VolumeArgsDict:
        claim: k8s.core.v1.PersistentVolumeClaimVolumeSourceArgsDict = {"claim_name": self.claim_name}
        return {"name": f"existing-{self._slug}", "persistent_volume_claim": claim}


def space(volumes: Iterable[Volume], *, memory: bool) -> Decimal:
    """Return the bytes of all scratch volumes, or of all volumes in memory."""
    sizes: Iterator[str] = (
        volume.size for volume in volumes if isinstance(volume, EmptyDirectory) and volume.in_memory is memory
    )
    return sum(map(quantity, sizes), Decimal(0))
