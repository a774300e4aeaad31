"""Files that a component puts into its containers."""

from abc import ABC, abstractmethod

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes.process.volumes import ContainerPath
from components.validation import InputText, options

MODE = 0o444
"""Readable for the user of the process, whichever it is: nobody else is in the container."""


class File(ABC):
    """A file in the container: `File.text`, `File.config_map` or `File.secret` makes one.

    The process can read it, but not write it. A changed content restarts the pods, unless the content is that
    of a ConfigMap or Secret whose name stays the same.
    """

    path: str

    @staticmethod
    def text(path: str, content: pulumi.Input[str]) -> "File":
        """Return a file with this content, which whoever may read ConfigMaps can read."""
        return _Text(path=path, content=content)

    @staticmethod
    def config_map(path: str, config_map: pulumi.Input[str], key: pulumi.Input[str]) -> "File":
        """Return a file with the value of a key of the ConfigMap named `config_map`."""
        return _ConfigMapKey(path=path, config_map_name=config_map, key=key)

    @staticmethod
    def secret(path: str, secret: pulumi.Input[str], key: pulumi.Input[str]) -> "File":
        """Return a file with the value of a key of the Secret named `secret`."""
        return _SecretKey(path=path, secret_name=secret, key=key)

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
class _ConfigMapKey(File):
    path: ContainerPath
    config_map_name: InputText
    key: InputText

    def source(self, own: pulumi.Input[str]) -> k8s.core.v1.VolumeProjectionArgsDict:
        items: list[k8s.core.v1.KeyToPathArgsDict] = [{"key": self.key, "path": self.entry}]
        return {"config_map": {"name": self.config_map_name, "items": items}}


@options
class _SecretKey(File):
    path: ContainerPath
    secret_name: InputText
    key: InputText

    def source(self, own: pulumi.Input[str]) -> k8s.core.v1.VolumeProjectionArgsDict:
        items: list[k8s.core.v1.KeyToPathArgsDict] = [{"key": self.key, "path": self.entry}]
        return {"secret": {"name": self.secret_name, "items": items}}
