"""A snapshot of a stack: configuration, state, cluster, receipts."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from slipway.cluster.kubectl import Cluster
from slipway.cluster.objects import StackObject, objects_in_state, resources_in_state
from slipway.errors import SlipwayError
from slipway.images.references import Image
from slipway.promotion.receipts import Receipt, Receipts
from slipway.pulumi.operations import Update
from slipway.pulumi.project import ConfigValue, Project, Stack
from slipway.pulumi.stack_cluster import check_providers, cluster_of
from slipway.pulumi.stack_file import StackFile

IMAGE = "image"
"""The configuration key, and the stack output, that have the image reference with a digest."""
MODEL = "model"
"""The configuration key, and the stack output, that have the reference of a model with a digest."""
CANARY = "canary"
"""The configuration key of a second version of the model, and its share of the pods."""
REPOSITORIES = {IMAGE: "repository", MODEL: "modelRepository"}
"""The configuration keys of the repositories."""
BUILD = "build"
"""The configuration key that replaces IMAGE in a stack that builds its image."""
NAMESPACE, CREATE_NAMESPACE = "namespace", "createNamespace"
"""The configuration keys of a namespace that the stack is given, and does not create."""


@dataclass(frozen=True)
class StackSnapshot:
    """The configuration and the state of a stack at one time."""

    stack: Stack
    project: str
    config: Mapping[str, ConfigValue]
    cluster: Cluster
    state: Mapping[str, Any]
    setting: str = IMAGE
    """What is promoted: IMAGE or MODEL."""

    @classmethod
    def read(cls, project: Project, name: str, setting: str = IMAGE) -> "StackSnapshot":
        """Read a stack from the backend.

        Raises:
            StackNotFound: the backend does not have the stack.
            SlipwayError: the configuration of the stack does not set kubernetes:context.
        """
        stack = project.stack(name)
        with ThreadPoolExecutor(2) as pool:  # two pulumi commands in parallel
            config, state = pool.submit(stack.config), pool.submit(stack.state)
        settings = config.result()
        cluster = cluster_of(stack, settings)
        check_providers(stack, settings, state.result())
        return cls(stack, project.name, settings, cluster, state.result(), setting)

    def reload(self) -> "StackSnapshot":
        """Return a snapshot with the present state."""
        return replace(self, state=self.stack.state())

    def promoting(self, setting: str) -> "StackSnapshot":
        """Return a snapshot for what a receipt promotes: IMAGE or MODEL."""
        return replace(self, setting=setting)

    @property
    def name(self) -> str:
        """The name of the stack."""
        return self.stack.name

    @property
    def file(self) -> StackFile:
        """The stack file, whose image (or model) a promotion changes."""
        return stack_file(self.stack, self.setting)

    @property
    def receipts(self) -> Receipts:
        """The receipts of promotions to the stack."""
        given = self._setting(NAMESPACE) if self._setting(CREATE_NAMESPACE) == "false" else ""
        return Receipts(self.cluster, self.project, self.name, given)

    @property
    def promotions(self) -> list[Receipt]:
        """The receipts of what the snapshot promotes, the latest first."""
        return [found for receipt in self.receipts.all() if (found := receipt.about(self.setting))]

    @property
    def objects(self) -> list[StackObject]:
        """The Kubernetes objects in the state."""
        return objects_in_state(self.state)

    @property
    def repository(self) -> str:
        """The configured image repository, or an empty text."""
        return self._setting(REPOSITORIES[self.setting])

    def _setting(self, key: str) -> str:
        setting = self.config.get(f"{self.project}:{key}")
        return (setting.value or "") if setting else ""

    @property
    def image(self) -> Image | None:
        """The image (or model) that the last update deployed; None if the stack was never deployed."""
        output = self.outputs.get(self.setting)
        return Image.parse(output, self.repository) if isinstance(output, str) else None

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The outputs of the program, from the state."""
        for resource in resources_in_state(self.state):
            if resource["type"] == "pulumi:pulumi:Stack":
                return resource.get("outputs") or {}
        return {}

    @cached_property
    def updates(self) -> list[Update]:
        """The last five operations, the latest first, read at the first access."""
        return self.stack.history(last=5)

    @property
    def interrupted_operations(self) -> list[str]:
        """The operations that were running when an update died: creating web."""
        pending = self.state["deployment"].get("pending_operations") or []
        return [f"{item['type']} {item['resource']['urn'].rpartition('::')[2]}" for item in pending]

    def check_finished(self) -> None:
        """Raise SlipwayError if an update died."""
        if self.interrupted_operations:
            raise SlipwayError(f"an update of {self.name} died: slipway recover {self.name}")


def stack_file(stack: Stack, setting: str = IMAGE) -> StackFile:
    """Return the stack file of a stack, whether or not the backend has the stack."""
    return StackFile(stack.file, f"{stack.project.name}:{setting}")
