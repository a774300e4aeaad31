"""Files that a component puts into its containers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.process.volumes import ContainerPath
from components.validation import InputText, options

MODE = 0o444
"""Readable for every user: only the process runs in the container."""


class File(ABC):
    """A file in the container. Create it with `File.text`, `File.config_map` or `File.secret`.

    The process can read it, but not write it. A changed content restarts the pods, unless the content is that
    of a ConfigMap or Secret whose name stays the same.
    """

    path: str

    @staticmethod
    def text(path: str, content: pulumi.Input[str]) -> File:
        """Return a file with this content, which is visible to everyone who may read ConfigMaps."""
        return _Text(path=path, content=content)

    @staticmethod
    def config_map(path: str, config_map: pulumi.Input[str], key: pulumi.Input[str]) -> File:
        """Return a file with the value of a key of the ConfigMap named `config_map`."""
        return _Key(path=path, kind="config_map", object_name=config_map, key=key)

    @staticmethod
    def secret(path: str, secret: pulumi.Input[str], key: pulumi.Input[str]) -> File:
        """Return a file with the value of a key of the Secret named `secret`."""
        return _Key(path=path, kind="secret", object_name=secret, key=key)

    @property
    def entry(self) -> str:
        """The file's name in the volume that holds all files of a component."""
        return self.path[1:].replace("/", "..")

    @property
    def mount(self) -> k8s.core.v1.VolumeMountArgsDict:
        """The entry of the container's `volume_mounts`."""
        return {"name": "files", "mount_path": self.path, "sub_path": self.entry, "read_only": True}

    @property
    def own_content(self) -> pulumi.Input[str] | None:
        """The content that the component has to store in a ConfigMap of its own."""
        return None

    @abstractmethod
    def source(self, own: pulumi.Input[str]) -> k8s.core.v1.VolumeProjectionArgsDict:
        """Return the source of the volume; `own` is the name of the component's own ConfigMap."""


@options
class _Text(File):
    path: ContainerPath
    content: InputText

    @property
    def own_content(self) -> pulumi.Input[str]:
        return self.content

    def source(self, own: pulumi.Input[str]) -> k8s.core.v1.VolumeProjectionArgsDict:
        return {"config_map": {"name": own, "items": [{"key": self.entry, "path": self.entry}]}}


@options
class _Key(File):
    path: ContainerPath
    kind: Literal["secret", "config_map"]
    object_name: InputText
    key: InputText

    def source(self, own: pulumi.Input[str]) -> k8s.core.v1.VolumeProjectionArgsDict:
        item: k8s.core.v1.SecretProjectionArgsDict = {
            "name": self.object_name,
            "items": [{"key": self.key, "path": self.entry}],
        }
        return {"secret": item} if self.kind == "secret" else {"config_map": item}
